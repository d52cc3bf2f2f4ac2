// Kernels: loops, reductions, phases and threads. The values and accesses inside are frame.cc's and memory.cc's.
//
// A vector loop becomes
//   whole      steps of `unroll` vectors, each with its own partial results so that reductions are not bound by latency
//   rest       masked steps of one vector, where masked loads are instructions; else steps of one vector, then single
//   elements
// and its partial results are combined in a fixed order at the end. A parallel loop without a vector loop inside has
// independent iterations too, and runs in lanes if its accesses suit that; a vector loop that is the whole kernel is
// shared by the threads if its stores allow it.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>

#include <llvm/IR/Constants.h>

#include "compiler/codegen/llvm/frame.h"
#include "runtime/base/error.h"
#include "runtime/program/abi.h"

namespace bitale::codegen::host {

using kernel::Let;
using kernel::Loop;
using kernel::LoopKind;
using kernel::Reduction;
using kernel::Region;
using kernel::ScalarOp;
using kernel::Stmt;
using kernel::Store;

namespace {

constexpr int max_unrolled_trips = 8;   // of one sequential loop
constexpr int max_unrolled_cost = 400;  // instructions of the unrolled body
constexpr int reduction_unroll = 4;     // FMA latency 4, two a cycle, and loads in between
constexpr int latency_bound_cost = 8;   // a longer body hides the latency of its reduction

class Emitter {
 public:
  Emitter(Unit& unit, llvm::Function* function, const kernel::Kernel& kernel)
      : f_(unit, function, kernel),
        context_(function->getArg(0)),
        thread_(function->getArg(3)),
        threads_(function->getArg(4)) {}

  void function();

 private:
  const kernel::Kernel& kernel() const { return f_.kernel; }
  const kernel::Value& value(kernel::ValueId id) const { return kernel().value(id); }
  const kernel::Access& access(int i) const { return kernel().access(i); }

  template <class F>
  void each_statement(const Region& region, F visit) const;
  template <class F>
  void each_access(const Region& region, F visit) const;  // visit(access, whether it is a store)
  int cost_of(const Region& region) const;
  int width_of(const Loop& loop) const;
  bool goes_in_pairs(const Loop& loop, int width) const;
  bool masks_are_cheap(const Region& region) const;
  bool unrolls(const Loop& loop) const;
  bool holds_vector_loop(const Region& region) const;
  bool runs_in_lanes(const Loop& loop, int width) const;

  void phases();
  void barrier();
  void parallel(const Loop& loop);
  std::pair<Value*, Value*> share(Value* extent);
  void share_lanes(const Loop& loop, int width);
  bool is_divisible(const Loop& loop) const;
  void region(const Region& body);
  void loop(const Loop& loop);
  void sequential(const Loop& loop);
  void unrolled(const Loop& loop);
  void vector(const Loop& loop, Value* begin, Value* end, int width);

  // Opens the IR loop `i` belongs to for address arithmetic; see Frame::before_loop.
  template <class F>
  void inside_loop(Value* i, F body);
  void masked_step(const Loop& loop, Value* i, Carried& partial);
  Carried rest(const Loop& loop, Value* begin, Value* end, Carried partial);                      // in masked steps
  Carried single_rest(const Loop& loop, Value* begin, Value* end, Value* mask, Carried partial);  // less than a vector
  Carried identities(const Loop& loop);
  void fold(const Loop& loop, Carried& partial);  // the yields of one iteration (vector) into the partial results
  Carried merge(const Loop& loop, const Carried& a, const Carried& b);
  void finish(const Loop& loop, Carried partial, int width);

  Frame f_;
  Value *context_, *thread_, *threads_;
};

// --- what a region contains
// -------------------------------------------------------------------------------------------------

template <class F>
void Emitter::each_statement(const Region& region, F visit) const {
  for (const Stmt& s : region) {
    visit(s);
    if (const Loop* l = std::get_if<Loop>(&s.node)) each_statement(l->body, visit);
  }
}

template <class F>
void Emitter::each_access(const Region& region, F visit) const {
  each_statement(region, [&](const Stmt& s) {
    if (const Store* store = std::get_if<Store>(&s.node)) visit(access(store->access), true);
    if (const Let* let = std::get_if<Let>(&s.node); let && value(let->value).op == ScalarOp::load)
      visit(access(value(let->value).index), false);
  });
}

int Emitter::cost_of(const Region& region) const {
  int cost = 0;
  for (const Stmt& s : region) {
    if (const Loop* l = std::get_if<Loop>(&s.node))
      cost += unrolls(*l) ? static_cast<int>(l->extent.value) * cost_of(l->body) : 20 + cost_of(l->body);
    else if (const Let* let = std::get_if<Let>(&s.node))
      cost += kernel::expands(value(let->value).op) ? 25 : 1;
    else
      cost += 1;
  }
  return cost;
}

// The lanes of the smallest registers that hold all iterations, or of the largest there are. Lanes are of 64 bits where
// the loop computes in them; int64 that only makes indices next to narrower values does not count.
int Emitter::width_of(const Loop& loop) const {
  bool wide = false, narrow = false;
  const auto see = [&](DType t) {
    wide = wide || t == DType::f64;
    narrow = narrow || (t != DType::f64 && t != DType::i64 && t != DType::bool_);
  };
  each_statement(loop.body, [&](const Stmt& s) {
    if (const Let* let = std::get_if<Let>(&s.node)) see(value(let->value).type);
  });
  each_access(loop.body, [&](const kernel::Access& a, bool) {
    const DType t = kernel().buffers[static_cast<std::size_t>(a.buffer)].dtype;
    see(t);
    narrow = narrow || t == DType::bool_;
  });
  const int bytes = wide || !narrow ? 8 : 4, lanes = lanes_of(f_.unit.isa(), bytes);
  if (!loop.extent.is_constant() || loop.extent.value >= lanes) return lanes;
  const int needed = static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(loop.extent.value)));
  return std::max(needed, lanes_of(Isa::v2, bytes));  // of the smallest registers
}

// Whether two vectors of the loop go side by side. An expansion is a chain of instructions that wait for each other,
// and the CPU looks for others no further ahead than such a chain is long.
bool Emitter::goes_in_pairs(const Loop& loop, int width) const {
  bool expands = false;
  each_statement(loop.body, [&](const Stmt& s) {
    const Let* let = std::get_if<Let>(&s.node);
    expands = expands || (let && kernel::expands(value(let->value).op) && is_floating(value(let->value).type));
  });
  return expands && (!loop.extent.is_constant() || loop.extent.value >= 2 * width);
}

bool Emitter::masks_are_cheap(const Region& region) const {
  if (f_.unit.isa() != Isa::v3) return f_.unit.isa() == Isa::v4;
  bool cheap = true;  // AVX2 masks words of 4 and 8 bytes only
  each_access(region, [&](const kernel::Access& a, bool) {
    cheap = cheap && size_of(kernel().buffers[static_cast<std::size_t>(a.buffer)].storage) >= 4;
  });
  return cheap;
}

bool Emitter::unrolls(const Loop& loop) const {
  if (loop.kind == LoopKind::vector || !loop.extent.is_constant() || loop.extent.value > max_unrolled_trips)
    return false;
  for (const Stmt& s : loop.body)
    if (const Loop* l = std::get_if<Loop>(&s.node); l && !unrolls(*l)) return false;
  return loop.extent.value * cost_of(loop.body) <= max_unrolled_cost;
}

bool Emitter::holds_vector_loop(const Region& region) const {
  bool found = false;
  each_statement(region, [&](const Stmt& s) {
    const Loop* l = std::get_if<Loop>(&s.node);
    found = found || (l && l->kind == LoopKind::vector);
  });
  return found;
}

// Whether all stores step through neighbours and all loads are cheap in lanes, as far as the index says it directly.
bool Emitter::runs_in_lanes(const Loop& loop, int width) const {
  if (holds_vector_loop(loop.body) || (loop.extent.is_constant() && loop.extent.value < width)) return false;
  bool suits = true;
  each_access(loop.body, [&](const kernel::Access& a, bool is_store) {
    if (kernel().buffers[static_cast<std::size_t>(a.buffer)].scratch > 0) suits = false;
    std::int64_t step = 0;
    for (const kernel::Term& t : a.index.terms) {
      if (t.value != loop.var) continue;
      if (!t.stride.is_constant()) suits = false;
      step += t.stride.value;
    }
    if (is_store ? step != 1 : (step < -1 || step > 4)) suits = false;
  });
  return suits;
}

// --- reductions
// -------------------------------------------------------------------------------------------------------------

// An arg_max that has seen nothing has an index above all others, so that the first value replaces it even if it is the
// lowest.
constexpr std::int64_t no_index = std::numeric_limits<std::int64_t>::max();

Carried Emitter::identities(const Loop& loop) {
  Carried partial;
  for (const Reduction& r : loop.reductions) {
    partial.push_back(f_.scalars.splat(f_.scalars.identity(r.combiner, value(r.results[0]).type), f_.width));
    if (kernel::takes_pairs(r.combiner)) partial.push_back(f_.scalars.splat(f_.number(no_index), f_.width));
  }
  return partial;
}

Carried Emitter::merge(const Loop& loop, const Carried& a, const Carried& b) {
  Carried merged;
  for (const Reduction& r : loop.reductions) {
    const auto first = static_cast<std::ptrdiff_t>(merged.size()),
               last = first + static_cast<std::ptrdiff_t>(r.results.size());
    const Carried both =
        f_.scalars.combine(r.combiner, value(r.results[0]).type, Carried(a.begin() + first, a.begin() + last),
                           Carried(b.begin() + first, b.begin() + last));
    merged.insert(merged.end(), both.begin(), both.end());
  }
  return merged;
}

void Emitter::fold(const Loop& loop, Carried& partial) {
  Carried yields;
  for (const Reduction& r : loop.reductions)
    for (const kernel::ValueId y : r.yields) yields.push_back(f_.in_lanes(y));
  partial = merge(loop, partial, yields);
}

// Partial results in `width` lanes (of this loop; 1: the lanes around it, if any, stay) become the loop's results.
void Emitter::finish(const Loop& loop, Carried partial, int width) {
  std::size_t i = 0;
  for (const Reduction& r : loop.reductions) {
    const DType dtype = value(r.results[0]).type;
    Carried own(partial.begin() + static_cast<std::ptrdiff_t>(i),
                partial.begin() + static_cast<std::ptrdiff_t>(i + r.results.size()));
    i += r.results.size();
    if (width > 1) own = f_.scalars.across_lanes(r.combiner, dtype, own, width);
    if (own.size() == 2) {
      Value* none = f_.ir.CreateICmpEQ(own[1], f_.scalars.splat(f_.number(no_index), f_.width));
      own[1] = f_.ir.CreateSelect(none, llvm::Constant::getNullValue(own[1]->getType()), own[1]);
    }
    for (std::size_t j = 0; j < own.size(); ++j)
      f_.set(r.results[j], {f_.width == 1 ? Slot::Form::uniform : Slot::Form::varying, own[j], nullptr, f_.depth()});
  }
}

// --- loops
// ------------------------------------------------------------------------------------------------------------------

template <class F>
void Emitter::inside_loop(Value* i, F body) {
  f_.before_loop.push_back(llvm::cast<llvm::PHINode>(i)->getIncomingBlock(0)->getTerminator());
  body();
  f_.before_loop.pop_back();
}

void Emitter::region(const Region& body) {
  for (const Stmt& s : body) {
    if (const Let* let = std::get_if<Let>(&s.node))
      f_.let(let->value);
    else if (const Store* store = std::get_if<Store>(&s.node))
      f_.store(*store);
    else
      loop(std::get<Loop>(s.node));
  }
}

void Emitter::loop(const Loop& l) {
  if (unrolls(l)) return unrolled(l);
  const bool single = l.extent.is_constant() && l.extent.value <= 1;
  if (l.kind != LoopKind::vector || single) return sequential(l);
  vector(l, f_.number(0), f_.extent(l.extent), width_of(l));
}

void Emitter::unrolled(const Loop& l) {
  Carried partial = identities(l);
  for (std::int64_t i = 0; i < l.extent.value; ++i) {
    f_.set(l.var, {Slot::Form::uniform, f_.number(i), nullptr, 0});
    region(l.body);
    fold(l, partial);
  }
  finish(l, partial, 1);
}

void Emitter::sequential(const Loop& l) {
  const Carried partial =
      emit_loop(f_.ir, f_.number(0), f_.extent(l.extent), 1, identities(l), [&](Value* i, Carried& c) {
        inside_loop(i, [&] {
          f_.set(l.var, f_.uniform(i));
          region(l.body);
          fold(l, c);
        });
      });
  finish(l, partial, 1);
}

void Emitter::masked_step(const Loop& l, Value* i, Carried& partial) {
  f_.set(l.var, f_.linear(i, 1));
  const Carried before = partial;
  region(l.body);
  fold(l, partial);
  for (std::size_t p = 0; p < partial.size(); ++p) partial[p] = f_.ir.CreateSelect(f_.active, partial[p], before[p]);
  f_.active = f_.active_lanes = nullptr;
}

Carried Emitter::rest(const Loop& l, Value* begin, Value* end, Carried partial) {
  return emit_loop(f_.ir, begin, end, f_.width, std::move(partial), [&](Value* i, Carried& c) {
    inside_loop(i, [&] {
      f_.active_lanes = f_.ir.CreateSub(end, i);
      f_.active = lanes_below(f_.ir, f_.active_lanes, f_.width);
      masked_step(l, i, c);
    });
  });
}

Carried Emitter::single_rest(const Loop& l, Value* begin, Value* end, Value* mask, Carried partial) {
  Ir& ir = f_.ir;
  return emit_if(ir, ir.CreateICmpSLT(begin, end), std::move(partial), [&](Carried& c) {
    llvm::BasicBlock* block = ir.GetInsertBlock();
    llvm::BasicBlock* before = block->getSinglePredecessor();
    if (before == nullptr || !block->empty()) {  // the condition is known
      before = block;
      block = llvm::BasicBlock::Create(ir.getContext(), "rest", before->getParent());
      ir.CreateBr(block);
      ir.SetInsertPoint(block);
    }
    f_.before_loop.push_back(before->getTerminator());
    f_.active_lanes = ir.CreateSub(end, begin);
    f_.active = mask;
    masked_step(l, begin, c);
    f_.before_loop.pop_back();
  });
}

void Emitter::vector(const Loop& l, Value* begin, Value* end, int width) {
  const std::int64_t extent = l.extent.is_constant() ? l.extent.value : 0;
  const bool latency_bound = !l.reductions.empty() && cost_of(l.body) <= latency_bound_cost;
  const int unroll = latency_bound && (extent == 0 || extent >= 2 * reduction_unroll * width) ? reduction_unroll : 1;
  const bool masked = masks_are_cheap(l.body), pairs = goes_in_pairs(l, width);
  const int each_step = (pairs ? 2 : 1) * width;
  Ir& ir = f_.ir;
  // Where the last whole step of n elements ends.
  const auto whole = [&](Value* from, int n) {
    return ir.CreateAdd(from, ir.CreateAnd(ir.CreateSub(end, from), f_.number(-std::int64_t{n})));
  };

  f_.width = each_step;
  Carried partial = identities(l);
  const std::size_t each = partial.size();
  Carried unrolled;
  for (int u = 0; u < unroll; ++u) unrolled.insert(unrolled.end(), partial.begin(), partial.end());
  const auto step = [&](Value* i, Carried& c) {
    f_.set(l.var, f_.linear(i, 1));
    region(l.body);
    fold(l, c);
  };

  Value *main_end = nullptr, *rest_mask = nullptr;
  {  // Bounds that no loop changes are worked out before all of them.
    const llvm::IRBuilderBase::InsertPointGuard here(ir);
    if (llvm::isa<llvm::Constant>(begin) && !f_.before_loop.empty()) ir.SetInsertPoint(f_.before_loop[0]);
    main_end = whole(begin, each_step * unroll);
    if (masked && unroll == 1 && !pairs) rest_mask = lanes_below(ir, ir.CreateSub(end, main_end), width);
  }
  unrolled = emit_loop(ir, begin, main_end, each_step * unroll, unrolled, [&](Value* i, Carried& c) {
    inside_loop(i, [&] {
      for (int u = 0; u < unroll; ++u) {
        const auto first = c.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(u) * each);
        Carried own(first, first + static_cast<std::ptrdiff_t>(each));
        step(u == 0 ? i : ir.CreateAdd(i, f_.number(u * each_step)), own);
        std::copy(own.begin(), own.end(), first);
      }
    });
  });
  for (int n = unroll / 2; n > 0; n /= 2)
    for (int u = 0; u < n; ++u) {
      const auto at = [&](int i) {
        return unrolled.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) * each);
      };
      const Carried both = merge(l, Carried(at(u), at(u + 1)), Carried(at(u + n), at(u + n + 1)));
      std::copy(both.begin(), both.end(), at(u));
    }
  unrolled.resize(each);
  partial = unrolled;
  if (pairs) {
    const auto [low, high] = f_.scalars.halves(partial);
    partial = merge(l, low, high);
  }
  f_.width = width;

  if (masked) {
    partial =
        rest_mask != nullptr ? single_rest(l, main_end, end, rest_mask, partial) : rest(l, main_end, end, partial);
    f_.width = 1;
    return finish(l, partial, width);
  }

  Value* vectors_end = main_end;
  if (each_step * unroll > width) {
    vectors_end = whole(main_end, width);
    partial = emit_loop(ir, main_end, vectors_end, width, partial,
                        [&](Value* i, Carried& c) { inside_loop(i, [&] { step(i, c); }); });
  }
  f_.width = 1;
  Carried scalar;
  std::size_t p = 0;
  for (const Reduction& r : l.reductions) {
    const auto first = partial.begin() + static_cast<std::ptrdiff_t>(p);
    const Carried own =
        f_.scalars.across_lanes(r.combiner, value(r.results[0]).type,
                                Carried(first, first + static_cast<std::ptrdiff_t>(r.results.size())), width);
    scalar.insert(scalar.end(), own.begin(), own.end());
    p += r.results.size();
  }
  scalar = emit_loop(ir, vectors_end, end, 1, scalar, [&](Value* i, Carried& c) {
    inside_loop(i, [&] {
      f_.set(l.var, f_.uniform(i));
      region(l.body);
      fold(l, c);
    });
  });
  finish(l, scalar, 1);
}

// --- phases and threads
// -----------------------------------------------------------------------------------------------------

// Thread t runs [t * extent / threads, (t + 1) * extent / threads); begin and end.
std::pair<Value*, Value*> Emitter::share(Value* extent) {
  Ir& ir = f_.ir;
  Value *t = ir.CreateSExt(thread_, ir.getInt64Ty()), *n = ir.CreateSExt(threads_, ir.getInt64Ty());
  return {ir.CreateSDiv(ir.CreateMul(t, extent), n),
          ir.CreateSDiv(ir.CreateMul(ir.CreateAdd(t, f_.number(1)), extent), n)};
}

void Emitter::parallel(const Loop& l) {
  const int width = width_of(l);
  if (runs_in_lanes(l, width)) return share_lanes(l, width);
  const auto [begin, end] = share(f_.extent(l.extent));
  emit_loop(f_.ir, begin, end, 1, {}, [&](Value* i, Carried&) {
    inside_loop(i, [&] {
      f_.set(l.var, f_.uniform(i));
      region(l.body);
    });
  });
}

// The threads share whole vectors, so that one of them at most has a rest.
void Emitter::share_lanes(const Loop& l, int width) {
  Ir& ir = f_.ir;
  Value* extent = f_.extent(l.extent);
  const auto [begin, end] = share(ir.CreateSDiv(ir.CreateAdd(extent, f_.number(width - 1)), f_.number(width)));
  vector(l, smin(ir, ir.CreateMul(begin, f_.number(width)), extent),
         smin(ir, ir.CreateMul(end, f_.number(width)), extent), width);
}

void Emitter::barrier() {
  Ir& ir = f_.ir;
  emit_if(ir, ir.CreateICmpSGT(threads_, ir.getInt32(1)), {}, [&](Carried&) {
    auto* type = llvm::FunctionType::get(ir.getVoidTy(), {ir.getPtrTy(), ir.getInt32Ty(), ir.getInt32Ty()}, false);
    Value* meet =
        ir.CreateLoad(ir.getPtrTy(), ir.CreateConstGEP1_64(ir.getInt8Ty(), context_, offsetof(Context, barrier)));
    ir.CreateCall(type, meet, {context_, thread_, threads_})->setDoesNotThrow();
  });
}

void Emitter::phases() {
  bool between = false;
  for (const Stmt& s : kernel().body) {
    const Loop* l = std::get_if<Loop>(&s.node);
    if (l == nullptr) {
      f_.let(std::get<Let>(s.node).value);
      continue;
    }
    if (between) barrier();
    between = true;
    if (l->kind == LoopKind::parallel)
      parallel(*l);
    else
      emit_if(f_.ir, f_.ir.CreateICmpEQ(thread_, f_.ir.getInt32(0)), {}, [&](Carried&) { loop(*l); });
  }
}

// Whether the iterations of a vector loop can go to different threads: no reductions, and every store goes where no
// other iteration's does.
bool Emitter::is_divisible(const Loop& l) const {
  bool divisible = l.kind == LoopKind::vector && l.reductions.empty() && l.extent != kernel::Extent::constant(1);
  each_access(l.body, [&](const kernel::Access& a, bool is_store) {
    if (kernel().buffers[static_cast<std::size_t>(a.buffer)].scratch > 0) divisible = false;
    if (!is_store) return;
    bool own = false;
    for (const kernel::Term& t : a.index.terms) {
      own = own || (t.value == l.var && t.stride.is_constant() && t.stride.value != 0);
      if (value(t.value).op != ScalarOp::var) divisible = false;
    }
    divisible = divisible && own;
  });
  return divisible;
}

void Emitter::function() {
  Ir& ir = f_.ir;
  const Region& body = kernel().body;
  const auto is_loop = [](const Stmt& s) { return std::holds_alternative<Loop>(s.node); };
  const bool is_parallel = std::any_of(body.begin(), body.end(), [&](const Stmt& s) {
    return is_loop(s) && std::get<Loop>(s.node).kind == LoopKind::parallel;
  });
  if (is_parallel)
    phases();
  else if (body.size() == 1 && is_loop(body[0]) && is_divisible(std::get<Loop>(body[0].node)))
    share_lanes(std::get<Loop>(body[0].node), width_of(std::get<Loop>(body[0].node)));
  else
    emit_if(ir, ir.CreateICmpEQ(thread_, ir.getInt32(0)), {}, [&](Carried&) { region(body); });
  ir.CreateRet(ir.getInt32(0));
}

}  // namespace

void emit_kernel(Unit& unit, const kernel::Kernel& kernel) {
  llvm::LLVMContext& context = unit.context();
  llvm::Type *ptr = llvm::PointerType::getUnqual(context), *i32 = llvm::Type::getInt32Ty(context);
  llvm::Function* f = unit.entry_function(llvm::FunctionType::get(i32, {ptr, ptr, ptr, i32, i32}, false));
  Emitter(unit, f, kernel).function();
}

}  // namespace bitale::codegen::host
