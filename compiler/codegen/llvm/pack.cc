// Packing: dst[k][j] = src[k_offsets[k] + lane_offsets[j]], zero from lane `lanes` on.
//
// The lanes are packed in groups of one vector, the last group narrower if the width leaves a rest. For each group the
// code looks at the offsets and takes the first way that fits:
//   segments    the lanes are one or two runs of neighbouring elements: a load, or a masked load per run (v3 and v4);
//   transpose   `depth_` consecutive k are neighbours: loads along k, and transposes in registers;
//   segments    of up to four runs (rows of a filter that a group spans; v3 and v4);
//   gather      element by element.

#include <algorithm>

#include <llvm/IR/Constants.h>

#include "compiler/codegen/llvm/emit.h"
#include "compiler/codegen/llvm/leaves.h"

namespace bitale::codegen::host {
namespace {

constexpr int max_segments = 4;

// One group of `count` lanes (at most a vector); rows of dst are `width` elements apart.
class Group {
 public:
  Group(Unit& unit, llvm::Function* f, llvm::Type* element, int bytes, int count, int width)
      : ir_(llvm::BasicBlock::Create(unit.context(), "", f)),
        isa_(unit.isa()),
        element_(element),
        bytes_(bytes),
        count_(count),
        width_(width),
        lanes_(lanes_of(unit.isa(), bytes)),
        depth_(std::min(lanes_, 32 / bytes)),
        src_(f->getArg(0)),
        lane_offsets_(f->getArg(1)),
        present_(f->getArg(2)),
        k_offsets_(f->getArg(3)),
        kc_(f->getArg(4)),
        dst_(f->getArg(5)) {
    llvm::Constant* zeros = llvm::Constant::getNullValue(vector_of(element, lanes_));
    zeros_ = new llvm::GlobalVariable(unit.module(), zeros->getType(), true, llvm::GlobalValue::PrivateLinkage, zeros,
                                      "zeros");
    zeros_->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  }

  void emit();

 private:
  Value* number(std::int64_t n) { return ir_.getInt64(static_cast<std::uint64_t>(n)); }
  llvm::Type* i64() { return ir_.getInt64Ty(); }
  llvm::MaybeAlign alignment() const { return llvm::MaybeAlign(static_cast<std::uint64_t>(bytes_)); }
  Value* element_at(Value* base, Value* offset) { return ir_.CreateGEP(element_, base, offset); }
  Value* offset_at(Value* table, Value* i) { return ir_.CreateLoad(i64(), ir_.CreateGEP(i64(), table, i)); }
  Value* row(Value* k) { return element_at(dst_, ir_.CreateMul(k, number(width_))); }
  llvm::Type* full() { return vector_of(element_, lanes_); }
  llvm::Type* block() { return vector_of(element_, depth_); }
  llvm::Constant* zero() { return llvm::Constant::getNullValue(full()); }

  void store(Value* vector, Value* at);
  Value* shuffle(Value* a, Value* b, const std::vector<int>& mask) { return ir_.CreateShuffleVector(a, b, mask); }
  void rows(Value* begin, Value* end, const std::function<void(Value* k)>& body) {
    emit_loop(ir_, begin, end, 1, {}, [&](Value* k, Carried&) { body(k); });
  }

  void find_runs();
  void segments(int most, Value* begin, Value* end);
  void whole();
  void prefetch(Value* p);
  void blocks();
  Value* consecutive(Value* k);
  int piece() const { return 16 / bytes_; }
  void transpose(Value* k);
  void transpose_piece(Value* k, Value* first, int used);
  Value* interleave(Value* a, Value* b, int w, bool high);
  void gather(Value* k);
  void singly(Value* begin, Value* end);

  // if (condition) { body; return }
  void way(Value* condition, const std::function<void()>& body) {
    emit_if(ir_, condition, {}, [&](Carried&) {
      body();
      llvm::BasicBlock* dead = llvm::BasicBlock::Create(ir_.getContext(), "dead", ir_.GetInsertBlock()->getParent());
      ir_.CreateRetVoid();
      ir_.SetInsertPoint(dead);
    });
  }

  Ir ir_;
  Isa isa_;
  llvm::Type* element_;
  int bytes_, count_, width_, lanes_;
  int depth_;  // k that are transposed together: a row of 8 pixels is one block, and stores bound the speed anyhow
  Value *src_, *lane_offsets_, *present_, *k_offsets_, *kc_, *dst_;
  llvm::GlobalVariable* zeros_;

  Value* breaks_ = nullptr;           // number of places where a lane is not the neighbour of the one before
  std::vector<Value*> start_, base_;  // of the first max_segments runs: first lane, and offset of the element at lane 0
};

// The rest of a full vector is not written: it may lie behind dst.
void Group::store(Value* vector, Value* at) {
  if (count_ == lanes_) {
    ir_.CreateAlignedStore(vector, at, alignment());
  } else if (isa_ == Isa::v4) {
    ir_.CreateMaskedStore(vector, at, *alignment(), lanes_below(ir_, number(count_), lanes_));
  } else {
    std::vector<int> first(static_cast<std::size_t>(count_));
    for (int l = 0; l < count_; ++l) first[static_cast<std::size_t>(l)] = l;
    ir_.CreateAlignedStore(shuffle(vector, vector, first), at, alignment());
  }
}

// Walks over the offsets of the lanes that are present.
void Group::find_runs() {
  Carried init = {number(0),
                  offset_at(lane_offsets_, number(0))};  // breaks, last offset, then start and base of runs 1, 2, 3
  for (int s = 1; s < max_segments; ++s) {
    init.push_back(present_);
    init.push_back(number(0));
  }
  const Carried found = emit_loop(ir_, number(1), present_, 1, init, [&](Value* j, Carried& c) {
    Value* offset = offset_at(lane_offsets_, j);
    Value* breaks = ir_.CreateICmpNE(offset, ir_.CreateAdd(c[1], number(1)));
    c[0] = ir_.CreateAdd(c[0], ir_.CreateZExt(breaks, i64()));
    c[1] = offset;
    for (std::size_t s = 1; s < max_segments; ++s) {
      Value* begins = ir_.CreateAnd(breaks, ir_.CreateICmpEQ(c[0], number(static_cast<std::int64_t>(s))));
      c[2 * s] = ir_.CreateSelect(begins, j, c[2 * s]);
      c[2 * s + 1] = ir_.CreateSelect(begins, ir_.CreateSub(offset, j), c[2 * s + 1]);
    }
  });
  breaks_ = found[0];
  start_ = {number(0)};
  base_ = {init[1]};
  for (std::size_t s = 1; s < max_segments; ++s) {
    start_.push_back(found[2 * s]);
    base_.push_back(found[2 * s + 1]);
  }
}

// The next panel's lanes, most often: rows of a matrix are far apart, so no other prefetcher sees them coming.
void Group::prefetch(Value* p) {
  enum { read = 0, into_l2 = 2, data = 1 };
  ir_.CreateIntrinsic(llvm::Intrinsic::prefetch, {p->getType()},
                      {p, ir_.getInt32(read), ir_.getInt32(into_l2), ir_.getInt32(data)});
}

void Group::whole() {
  rows(number(0), kc_, [&](Value* k) {
    Value* from = element_at(src_, ir_.CreateAdd(offset_at(k_offsets_, k), base_[0]));
    // A rest as wide as the group: the narrow load is split by the code generator, the wide one would read behind it.
    llvm::Type* narrow = vector_of(element_, count_);
    prefetch(element_at(from, number(width_)));
    ir_.CreateAlignedStore(ir_.CreateAlignedLoad(narrow, from, alignment()), row(k), alignment());
  });
}

// Masked loads do not touch the lanes that are off, so the runs may start before the buffer.
void Group::segments(int most, Value* begin, Value* end) {
  std::vector<Value*> masks, from;
  for (int s = 0; s < most; ++s) {
    const auto i = static_cast<std::size_t>(s);
    Value* below = lanes_below(ir_, s + 1 < most ? start_[i + 1] : present_, lanes_);
    masks.push_back(s == 0 ? below : ir_.CreateAnd(below, lanes_from(ir_, start_[i], lanes_)));
    from.push_back(element_at(src_, base_[i]));
  }
  rows(begin, end, [&](Value* k) {
    Value* offset = offset_at(k_offsets_, k);
    Value* v = zero();
    for (std::size_t s = 0; s < masks.size(); ++s)
      v = ir_.CreateMaskedLoad(full(), element_at(from[s], offset), *alignment(), masks[s], v);
    store(v, row(k));
  });
}

// Whether the depth_ k that start at k are neighbours.
Value* Group::consecutive(Value* k) {
  llvm::Type* offsets = vector_of(i64(), depth_);
  Value* at = ir_.CreateGEP(i64(), k_offsets_, k);
  Value* seen = ir_.CreateAlignedLoad(offsets, at, llvm::MaybeAlign(8));
  Value* first = ir_.CreateVectorSplat(static_cast<unsigned>(depth_), ir_.CreateLoad(i64(), at));
  Value* equal = ir_.CreateICmpEQ(seen, ir_.CreateAdd(first, iota(i64(), depth_)));
  return ir_.CreateICmpEQ(ir_.CreateBitCast(equal, ir_.getIntNTy(static_cast<unsigned>(depth_))),
                          llvm::Constant::getAllOnesValue(ir_.getIntNTy(static_cast<unsigned>(depth_))));
}

// depth_ of k: the lanes four (float64: two) at a time, so that what is stored at once is a piece of 128
// bits. Whole vectors in the other direction are no faster, and take the code generator several times as long.
void Group::transpose(Value* k) {
  const int whole = count_ / piece() * piece();
  emit_loop(ir_, number(0), number(whole), piece(), {},
            [&](Value* lane, Carried&) { transpose_piece(k, lane, piece()); });
  if (count_ > whole) transpose_piece(k, number(whole), count_ - whole);
}

// Lanes first .. first + used of the rows k .. k + depth_.
void Group::transpose_piece(Value* k, Value* first, int used) {
  Value* offset = offset_at(k_offsets_, k);
  std::vector<Value*> v(static_cast<std::size_t>(piece()), llvm::PoisonValue::get(block()));
  for (int j = 0; j < used; ++j) {
    Value* lane = ir_.CreateAdd(first, number(j));
    Value* is_present = ir_.CreateICmpSLT(lane, present_);
    // The table need not go on behind the lanes that are present.
    Value* known = ir_.CreateSelect(is_present, lane, number(0));
    Value* from = element_at(src_, ir_.CreateAdd(offset, offset_at(lane_offsets_, known)));
    v[static_cast<std::size_t>(j)] =
        ir_.CreateAlignedLoad(block(), ir_.CreateSelect(is_present, from, zeros_), alignment());
  }
  if (piece() == 2) {
    v = {interleave(v[0], v[1], 1, false), interleave(v[0], v[1], 1, true)};
  } else {
    Value *lo01 = interleave(v[0], v[1], 1, false), *hi01 = interleave(v[0], v[1], 1, true);
    Value *lo23 = interleave(v[2], v[3], 1, false), *hi23 = interleave(v[2], v[3], 1, true);
    v = {interleave(lo01, lo23, 2, false), interleave(lo01, lo23, 2, true), interleave(hi01, hi23, 2, false),
         interleave(hi01, hi23, 2, true)};
  }
  Value* to = element_at(row(k), first);
  for (int i = 0; i < depth_; ++i) {  // k + i is piece i / piece() of v[i % piece()]
    std::vector<int> mask;
    for (int j = 0; j < used; ++j) mask.push_back(i / piece() * piece() + j);
    Value* from = v[static_cast<std::size_t>(i % piece())];
    ir_.CreateAlignedStore(shuffle(from, from, mask), element_at(to, number(std::int64_t{i} * width_)), alignment());
  }
}

// Runs of w elements of a and b in turn, from the low or high half of each 128 bits: one instruction.
Value* Group::interleave(Value* a, Value* b, int w, bool high) {
  std::vector<int> mask;
  for (int i = 0; i < depth_; ++i) {
    const int start = i / piece() * piece() + (high ? piece() / 2 : 0), turn = i % piece() / w;
    mask.push_back((turn % 2 ? depth_ : 0) + start + turn / 2 * w + i % w);
  }
  return shuffle(a, b, mask);
}

void Group::gather(Value* k) {
  Value* from = element_at(src_, offset_at(k_offsets_, k));
  Value* to = row(k);
  const auto copy = [&](Value* j) {
    Value* x = ir_.CreateAlignedLoad(element_, element_at(from, offset_at(lane_offsets_, j)), alignment());
    ir_.CreateAlignedStore(x, element_at(to, j), alignment());
  };
  llvm::Function* f = ir_.GetInsertBlock()->getParent();
  llvm::BasicBlock* every = llvm::BasicBlock::Create(ir_.getContext(), "every", f);
  llvm::BasicBlock* some = llvm::BasicBlock::Create(ir_.getContext(), "some", f);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(ir_.getContext(), "after", f);
  ir_.CreateCondBr(ir_.CreateICmpEQ(present_, number(count_)), every, some);
  ir_.SetInsertPoint(every);
  for (int j = 0; j < count_; ++j) copy(number(j));
  ir_.CreateBr(after);
  ir_.SetInsertPoint(some);
  store(zero(), to);
  rows(number(0), present_, copy);
  ir_.CreateBr(after);
  ir_.SetInsertPoint(after);
}

void Group::singly(Value* begin, Value* end) {
  const auto gathered = [&] { rows(begin, end, [&](Value* k) { gather(k); }); };
  if (isa_ == Isa::v2) return gathered();
  Value* few = ir_.CreateICmpSLE(breaks_, number(max_segments - 1));
  emit_if(ir_, few, {}, [&](Carried&) { segments(max_segments, begin, end); });
  emit_if(ir_, ir_.CreateNot(few), {}, [&](Carried&) { gathered(); });
}

void Group::blocks() {
  emit_loop(ir_, number(0), kc_, depth_, {}, [&](Value* k, Carried&) {
    llvm::Function* f = ir_.GetInsertBlock()->getParent();
    llvm::BasicBlock* full = llvm::BasicBlock::Create(ir_.getContext(), "full", f);
    llvm::BasicBlock* along = llvm::BasicBlock::Create(ir_.getContext(), "along", f);
    llvm::BasicBlock* single = llvm::BasicBlock::Create(ir_.getContext(), "single", f);
    llvm::BasicBlock* after = llvm::BasicBlock::Create(ir_.getContext(), "after", f);
    Value* next = ir_.CreateAdd(k, number(depth_));
    ir_.CreateCondBr(ir_.CreateICmpSLE(next, kc_), full, single);
    ir_.SetInsertPoint(full);
    ir_.CreateCondBr(consecutive(k), along, single);
    ir_.SetInsertPoint(along);
    transpose(k);
    ir_.CreateBr(after);
    ir_.SetInsertPoint(single);
    singly(k, smin(ir_, next, kc_));
    ir_.CreateBr(after);
    ir_.SetInsertPoint(after);
  });
}

void Group::emit() {
  way(ir_.CreateICmpSLE(present_, number(0)), [&] { rows(number(0), kc_, [&](Value* k) { store(zero(), row(k)); }); });
  find_runs();
  Value* one_run = ir_.CreateICmpEQ(breaks_, number(0));
  way(ir_.CreateAnd(one_run, ir_.CreateICmpEQ(present_, number(count_))), [&] { whole(); });
  if (isa_ != Isa::v2) way(ir_.CreateICmpSLE(breaks_, number(1)), [&] { segments(2, number(0), kc_); });
  blocks();
  ir_.CreateRetVoid();
}

}  // namespace

void emit_pack(Unit& unit, const Leaf& leaf) {
  llvm::LLVMContext& context = unit.context();
  llvm::Type* i64 = llvm::Type::getInt64Ty(context);
  llvm::Type* ptr = llvm::PointerType::getUnqual(context);
  const bool wide = leaf.dtype == DType::f64;
  const int bytes = wide ? 8 : 4, lanes = lanes_of(unit.isa(), bytes);
  llvm::Type* element = wide ? llvm::Type::getDoubleTy(context) : llvm::Type::getFloatTy(context);
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {ptr, ptr, i64, ptr, i64, ptr}, false);
  llvm::Function* f = unit.entry_function(type);
  Ir ir(llvm::BasicBlock::Create(context, "", f));

  const auto call = [&](int count, Value* first) {
    llvm::Function* group = unit.helper_function("group" + std::to_string(count), type);
    Group(unit, group, element, bytes, count, leaf.width).emit();
    Value* present = smin(ir, ir.CreateSub(f->getArg(2), first), ir.getInt64(static_cast<std::uint64_t>(count)));
    ir.CreateCall(group, {f->getArg(0), ir.CreateGEP(i64, f->getArg(1), first), present, f->getArg(3), f->getArg(4),
                          ir.CreateGEP(element, f->getArg(5), first)});
  };
  const int whole = leaf.width / lanes * lanes;
  emit_loop(ir, ir.getInt64(0), ir.getInt64(static_cast<std::uint64_t>(whole)), lanes, {},
            [&](Value* first, Carried&) { call(lanes, first); });
  if (leaf.width > whole) call(leaf.width - whole, ir.getInt64(static_cast<std::uint64_t>(whole)));
  ir.CreateRetVoid();
}

}  // namespace bitale::codegen::host
