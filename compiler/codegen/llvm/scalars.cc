#include "compiler/codegen/llvm/scalars.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "compiler/codegen/llvm/float16.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"

namespace bitale::codegen::host {

using kernel::Combiner;
using kernel::ScalarOp;

namespace {

bool is_unsigned(DType d) { return d == DType::u8 || d == DType::bool_; }
bool is_nan_free(Value* v) {
  const auto* c = llvm::dyn_cast<llvm::Constant>(v);
  if (c == nullptr) return false;
  if (const llvm::Constant* one = c->getType()->isVectorTy() ? c->getSplatValue() : c)
    if (const auto* number = llvm::dyn_cast<llvm::ConstantFP>(one)) return !number->isNaN();
  return false;
}
llvm::Constant* number(Value* like, std::uint64_t n) { return llvm::ConstantInt::get(like->getType(), n, true); }

}  // namespace

llvm::Type* type_of(llvm::LLVMContext& context, DType dtype) {
  switch (dtype) {
    case DType::bool_:
      return llvm::Type::getInt1Ty(context);
    case DType::f32:
      return llvm::Type::getFloatTy(context);
    case DType::f64:
      return llvm::Type::getDoubleTy(context);
    default:
      return llvm::Type::getIntNTy(context, 8 * static_cast<unsigned>(size_of(dtype)));
  }
}

// Lets kernel::expand write LLVM IR. Every value has the width of the operands. Nothing is contracted in there: the
// polynomials say fma where they mean it, and their error terms rely on the rest.
class Scalars::Expansion : public kernel::Emitter {
 public:
  Expansion(Scalars& scalars, Value* like) : s_(scalars), flags_(scalars.ir_) {
    if (const auto* v = llvm::dyn_cast<llvm::FixedVectorType>(like->getType()))
      width_ = static_cast<int>(v->getNumElements());
    s_.ir_.clearFastMathFlags();
  }

  Handle hold(Value* v, DType type) {
    slots_.push_back({v, type});
    return &slots_.back();
  }
  static Value* value(Handle h) { return static_cast<Slot*>(h)->value; }

  Handle constant(double v, DType type) override {
    return hold(s_.splat(llvm::ConstantFP::get(s_.type_of(type), v), width_), type);
  }
  Handle integer(std::int64_t v, DType type) override {
    return hold(s_.splat(llvm::ConstantInt::get(s_.type_of(type), static_cast<std::uint64_t>(v), true), width_), type);
  }
  Handle emit(ScalarOp op, DType type, std::span<const Handle> args) override {
    std::vector<Value*> values;
    for (Handle h : args) values.push_back(value(h));
    return hold(s_.apply(op, type, type_of(args.back()), values), type);
  }
  DType type_of(Handle h) override { return static_cast<Slot*>(h)->type; }

  // The rare code is a function of its own, once for all that call it in this object, on lanes in memory.
  std::vector<Handle> rarely(Handle condition, const std::vector<Handle>& common, const std::vector<Handle>& args,
                             const Rare& rare) override {
    const DType type = type_of(args[0]);
    const int row = (width_ + rare_lanes() - 1) / rare_lanes() * rare_lanes();
    Value* const lanes = value(condition);
    Carried values;
    for (Handle h : common) values.push_back(value(h));
    const auto then = [&](Carried& changed) {
      llvm::Function* f = rare_function(rare, type, args.size());
      Value* memory = rows(type, row, std::max(args.size(), common.size()));
      const auto at = [&](std::size_t r) {
        return s_.ir_.CreateConstGEP1_64(s_.type_of(type), memory, r * static_cast<std::size_t>(row));
      };
      const llvm::Align align(static_cast<std::uint64_t>(size_of(type)));
      for (std::size_t r = 0; r < args.size(); ++r) s_.ir_.CreateAlignedStore(value(args[r]), at(r), align);
      s_.ir_.CreateCall(f, {memory, s_.ir_.getInt64(static_cast<std::uint64_t>(row))});
      for (std::size_t r = 0; r < changed.size(); ++r)
        changed[r] = s_.pick(lanes, s_.ir_.CreateAlignedLoad(changed[r]->getType(), at(r), align), changed[r]);
    };
    values = emit_if(s_.ir_, width_ == 1 ? lanes : s_.ir_.CreateOrReduce(lanes), values, then, Chance::rare);
    std::vector<Handle> out;
    for (Value* v : values) out.push_back(hold(v, type));
    return out;
  }

  bool fuses() const override { return s_.isa_ != Isa::v2; }
  bool scales() const override { return s_.isa_ == Isa::v4; }
  Handle scale_by_power(Handle x, Handle n) override {
    if (!scales()) return Emitter::scale_by_power(x, n);
    return hold(s_.scalef(value(x), value(n), width_), type_of(x));
  }

 private:
  struct Slot {
    Value* value;
    DType type;
  };
  // As many as fit a register where the code computes in float64.
  int rare_lanes() const { return lanes_of(s_.isa_, 8); }

  // Memory for `count` rows of lanes, one for the whole function.
  Value* rows(DType type, int row, std::size_t count) {
    llvm::BasicBlock& start = s_.ir_.GetInsertBlock()->getParent()->getEntryBlock();
    Ir ir(&start, start.begin());
    auto* array = llvm::ArrayType::get(s_.type_of(type), static_cast<std::uint64_t>(row) * count);
    llvm::AllocaInst* memory = ir.CreateAlloca(array);
    memory->setAlignment(llvm::Align(64));
    return memory;
  }

  // void f(ptr rows, i64 row): replaces rows of arguments, of `row` lanes each, by rows of results.
  llvm::Function* rare_function(const Rare& rare, DType type, std::size_t args) {
    const std::string name = std::string(rare.name) + (type == DType::f64 ? "_f64" : "_f32");
    if (llvm::Function* known = s_.unit_.module().getFunction(name)) return known;
    const llvm::Align align(static_cast<std::uint64_t>(size_of(type)));
    Ir& outer = s_.ir_;
    auto* signature = llvm::FunctionType::get(outer.getVoidTy(), {outer.getPtrTy(), outer.getInt64Ty()}, false);
    llvm::Function* f = s_.unit_.helper_function(name, signature);
    Ir ir(llvm::BasicBlock::Create(outer.getContext(), "", f));
    Scalars scalars(s_.unit_, ir);
    auto* vector = vector_of(scalars.type_of(type), rare_lanes());
    Value *memory = f->getArg(0), *row = f->getArg(1);
    emit_loop(ir, ir.getInt64(0), row, rare_lanes(), {}, [&](Value* i, Carried&) {
      const auto at = [&](std::size_t r) {
        return ir.CreateGEP(scalars.type_of(type), memory, ir.CreateAdd(i, ir.CreateMul(row, ir.getInt64(r))));
      };
      Carried given;
      for (std::size_t r = 0; r < args; ++r) given.push_back(ir.CreateAlignedLoad(vector, at(r), align));
      Expansion inside(scalars, given[0]);
      std::vector<Handle> handles;
      for (Value* v : given) handles.push_back(inside.hold(v, type));
      const std::vector<Handle> found = rare.emit(inside, handles);
      for (std::size_t r = 0; r < found.size(); ++r) ir.CreateAlignedStore(value(found[r]), at(r), align);
    });
    ir.CreateRetVoid();
    return f;
  }

  Scalars& s_;
  llvm::IRBuilderBase::FastMathFlagGuard flags_;
  std::deque<Slot> slots_;
  int width_ = 1;
};

// vscalefps exists for whole registers: wider vectors are halved, scalars put into one.
Value* Scalars::scalef(Value* x, Value* n, int width) {
  const bool wide = x->getType()->getScalarType()->isDoubleTy();
  const int least = wide ? 2 : 4, most = 4 * least;
  const auto part = [&](Value* v, int first, int count) {
    std::vector<int> mask;
    for (int l = 0; l < count; ++l) mask.push_back(first + l < width ? first + l : -1);
    return ir_.CreateShuffleVector(v, mask);
  };
  if (width > most) {
    const int half = width / 2;
    Value* low = scalef(part(x, 0, half), part(n, 0, half), half);
    Value* high = scalef(part(x, half, half), part(n, half, half), half);
    std::vector<int> both;
    for (int l = 0; l < width; ++l) both.push_back(l);
    return ir_.CreateShuffleVector(low, high, both);
  }
  if (width == 1) {
    Value* none = llvm::PoisonValue::get(vector_of(x->getType(), least));
    Value* scaled = scalef(ir_.CreateInsertElement(none, x, std::uint64_t{0}),
                           ir_.CreateInsertElement(none, n, std::uint64_t{0}), least);
    return ir_.CreateExtractElement(scaled, std::uint64_t{0});
  }
  if (width < least) {
    Value* scaled = scalef(part(x, 0, least), part(n, 0, least), least);
    std::vector<int> mask;
    for (int l = 0; l < width; ++l) mask.push_back(l);
    return ir_.CreateShuffleVector(scaled, mask);
  }
  namespace id = llvm::Intrinsic;
  const llvm::Intrinsic::ID ids[2][3] = {
      {id::x86_avx512_mask_scalef_ps_128, id::x86_avx512_mask_scalef_ps_256, id::x86_avx512_mask_scalef_ps_512},
      {id::x86_avx512_mask_scalef_pd_128, id::x86_avx512_mask_scalef_pd_256, id::x86_avx512_mask_scalef_pd_512}};
  const int size = width == least ? 0 : width == most ? 2 : 1;
  llvm::Type* mask = ir_.getIntNTy(!wide && size == 2 ? 16 : 8);
  std::vector<Value*> args = {x, n, llvm::Constant::getNullValue(x->getType()), llvm::Constant::getAllOnesValue(mask)};
  if (size == 2) args.push_back(ir_.getInt32(4));  // rounding as the control register says
  return ir_.CreateIntrinsic(ids[wide][size], {}, args);
}

llvm::Constant* Scalars::constant(const kernel::Value& v) {
  llvm::Type* type = type_of(v.type);
  if (is_only_stored(v.type)) return llvm::ConstantInt::get(type, bitale::narrow(v.type, static_cast<float>(v.real)));
  if (is_floating(v.type)) return llvm::ConstantFP::get(type, v.real);
  return llvm::ConstantInt::get(type, static_cast<std::uint64_t>(v.integer), true);
}

llvm::Constant* Scalars::identity(Combiner combiner, DType dtype) {
  llvm::Type* type = type_of(dtype);
  if (is_floating(dtype)) return llvm::ConstantFP::get(type, kernel::identity_of(combiner, dtype));
  return llvm::ConstantInt::get(type, static_cast<std::uint64_t>(kernel::integer_identity_of(combiner, dtype)), true);
}

// With AVX2, LLVM 19 selects single floats by vblendvps or vblendvpd, and folds a load of one operand into it: 16 bytes
// are read then, perhaps beyond the end of memory. What comes out of an instruction (an empty one) is no load.
Value* Scalars::pick(Value* condition, Value* a, Value* b) {
  const auto in_register = [&](Value* v) -> Value* {
    if (isa_ != Isa::v3 || !v->getType()->isFloatingPointTy() || !llvm::isa<llvm::LoadInst>(v)) return v;
    auto* type = llvm::FunctionType::get(v->getType(), {v->getType()}, false);
    return ir_.CreateCall(type, llvm::InlineAsm::get(type, "", "=x,0", false), {v});
  };
  Value* const first = in_register(a);
  return ir_.CreateSelect(condition, first, in_register(b));
}

Value* Scalars::apply(ScalarOp op, DType result, DType operand, std::span<Value* const> args) {
  if (kernel::expands(op)) {
    Expansion expansion(*this, args[0]);
    std::vector<kernel::Emitter::Handle> handles;
    for (Value* v : args) handles.push_back(expansion.hold(v, operand));
    return Expansion::value(kernel::expand(expansion, op, handles));
  }
  switch (op) {
    case ScalarOp::select:
      return pick(args[0], args[1], args[2]);
    case ScalarOp::cast:
      return cast(result, operand, args[0]);
    case ScalarOp::bitcast: {
      llvm::Type* type = type_of(result);
      if (const auto* v = llvm::dyn_cast<llvm::FixedVectorType>(args[0]->getType()))
        type = vector_of(type, static_cast<int>(v->getNumElements()));
      return ir_.CreateBitCast(args[0], type);
    }
    case ScalarOp::lt:
    case ScalarOp::le:
    case ScalarOp::eq:
    case ScalarOp::ne:
      return compare(op, operand, args[0], args[1]);
    default:
      return is_floating(operand) ? real(op, args) : integer(op, operand, args);
  }
}

Value* Scalars::real(ScalarOp op, std::span<Value* const> args) {
  Value *a = args[0], *b = args.size() > 1 ? args[1] : nullptr;
  const auto unary = [&](llvm::Intrinsic::ID id) { return ir_.CreateUnaryIntrinsic(id, a); };
  switch (op) {
    case ScalarOp::add:
      return ir_.CreateFAdd(a, b);
    case ScalarOp::sub:
      return ir_.CreateFSub(a, b);
    case ScalarOp::mul:
      return ir_.CreateFMul(a, b);
    case ScalarOp::div:
      return ir_.CreateFDiv(a, b);
    case ScalarOp::fma:  // without the instruction it would be a library call
      if (isa_ == Isa::v2) return ir_.CreateFAdd(ir_.CreateFMul(a, b), args[2]);
      return ir_.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, args[2]});
    case ScalarOp::strong_mul: {
      Value* zero = llvm::Constant::getNullValue(a->getType());
      return pick(ir_.CreateFCmpOEQ(a, zero), zero, ir_.CreateFMul(a, b));
    }
    case ScalarOp::floordiv:
      return ir_.CreateUnaryIntrinsic(llvm::Intrinsic::floor, ir_.CreateFDiv(a, b));
    case ScalarOp::mod:
      return ir_.CreateFSub(a,
                            ir_.CreateFMul(ir_.CreateUnaryIntrinsic(llvm::Intrinsic::floor, ir_.CreateFDiv(a, b)), b));
    case ScalarOp::neg:
      return ir_.CreateFNeg(a);
    case ScalarOp::abs:
      return unary(llvm::Intrinsic::fabs);
    case ScalarOp::min:
      return extreme(false, a, b);
    case ScalarOp::max:
      return extreme(true, a, b);
    case ScalarOp::sqrt:
      return unary(llvm::Intrinsic::sqrt);
    case ScalarOp::floor:
      return unary(llvm::Intrinsic::floor);
    case ScalarOp::ceil:
      return unary(llvm::Intrinsic::ceil);
    case ScalarOp::trunc:
      return unary(llvm::Intrinsic::trunc);
    case ScalarOp::round:
      return unary(llvm::Intrinsic::nearbyint);  // roundeven is a library call below v3
    default:
      throw InternalError("no code for " + std::string(kernel::name_of(op)) + " of floats");
  }
}

// One maxps where an operand is a constant: the instruction returns its second operand if one is NaN.
Value* Scalars::extreme(bool greatest, Value* a, Value* b) {
  const auto first_if = [&](Value* x, Value* y) {
    return pick(greatest ? ir_.CreateFCmpOGT(x, y) : ir_.CreateFCmpOLT(x, y), x, y);
  };
  if (is_nan_free(b)) return first_if(b, a);
  Value* best = first_if(a, b);
  return is_nan_free(a) ? best : pick(ir_.CreateFCmpUNO(a, a), a, best);
}

Value* Scalars::integer(ScalarOp op, DType type, std::span<Value* const> args) {
  Value *a = args[0], *b = args.size() > 1 ? args[1] : nullptr;
  const bool is_signed = !is_unsigned(type);
  const auto amount = [&] { return ir_.CreateAnd(b, number(b, b->getType()->getScalarSizeInBits() - 1)); };
  switch (op) {
    case ScalarOp::add:
      return ir_.CreateAdd(a, b);
    case ScalarOp::sub:
      return ir_.CreateSub(a, b);
    case ScalarOp::mul:
    case ScalarOp::strong_mul:
      return ir_.CreateMul(a, b);
    case ScalarOp::floordiv:
      return divide(false, type, a, b);
    case ScalarOp::mod:
      return divide(true, type, a, b);
    case ScalarOp::neg:
      return ir_.CreateNeg(a);
    case ScalarOp::abs:
      return is_signed ? ir_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, a, ir_.getFalse()) : a;
    case ScalarOp::min:
      return ir_.CreateBinaryIntrinsic(is_signed ? llvm::Intrinsic::smin : llvm::Intrinsic::umin, a, b);
    case ScalarOp::max:
      return ir_.CreateBinaryIntrinsic(is_signed ? llvm::Intrinsic::smax : llvm::Intrinsic::umax, a, b);
    case ScalarOp::bit_and:
      return ir_.CreateAnd(a, b);
    case ScalarOp::bit_or:
      return ir_.CreateOr(a, b);
    case ScalarOp::bit_xor:
      return ir_.CreateXor(a, b);
    case ScalarOp::bit_not:
      return ir_.CreateNot(a);
    case ScalarOp::shl:
      return ir_.CreateShl(a, amount());
    case ScalarOp::shr:
      return ir_.CreateLShr(a, amount());
    default:
      throw InternalError("no code for " + std::string(kernel::name_of(op)) + " of integers");
  }
}

// The machine traps on a zero divisor and on the lowest number by -1; both divide by 1 instead, which is right for the
// latter.
Value* Scalars::divide(bool modulo, DType type, Value* a, Value* b) {
  Value* zero = number(a, 0);
  Value* by_zero = ir_.CreateICmpEQ(b, zero);
  if (is_unsigned(type)) {
    Value* safe = pick(by_zero, number(a, 1), b);
    Value* q = ir_.CreateUDiv(a, safe);
    return pick(by_zero, zero, modulo ? ir_.CreateSub(a, ir_.CreateMul(q, safe)) : q);
  }
  const auto lowest = llvm::APInt::getSignedMinValue(a->getType()->getScalarSizeInBits());
  Value* overflows = ir_.CreateAnd(ir_.CreateICmpEQ(b, llvm::Constant::getAllOnesValue(b->getType())),
                                   ir_.CreateICmpEQ(a, llvm::ConstantInt::get(a->getType(), lowest)));
  Value* safe = pick(ir_.CreateOr(by_zero, overflows), number(a, 1), b);
  Value* q = ir_.CreateSDiv(a, safe);
  Value* r = ir_.CreateSub(a, ir_.CreateMul(q, safe));
  Value* below = ir_.CreateAnd(ir_.CreateICmpNE(r, zero), ir_.CreateICmpSLT(ir_.CreateXor(r, safe), zero));
  Value* floored =
      modulo ? ir_.CreateAdd(r, pick(below, safe, zero)) : ir_.CreateSub(q, ir_.CreateZExt(below, q->getType()));
  return pick(by_zero, zero, floored);
}

Value* Scalars::compare(ScalarOp op, DType operand, Value* a, Value* b) {
  if (is_floating(operand)) {
    switch (op) {
      case ScalarOp::lt:
        return ir_.CreateFCmpOLT(a, b);
      case ScalarOp::le:
        return ir_.CreateFCmpOLE(a, b);
      case ScalarOp::eq:
        return ir_.CreateFCmpOEQ(a, b);
      default:
        return ir_.CreateFCmpUNE(a, b);
    }
  }
  const bool is_signed = !is_unsigned(operand);
  switch (op) {
    case ScalarOp::lt:
      return is_signed ? ir_.CreateICmpSLT(a, b) : ir_.CreateICmpULT(a, b);
    case ScalarOp::le:
      return is_signed ? ir_.CreateICmpSLE(a, b) : ir_.CreateICmpULE(a, b);
    case ScalarOp::eq:
      return ir_.CreateICmpEQ(a, b);
    default:
      return ir_.CreateICmpNE(a, b);
  }
}

Value* Scalars::cast(DType result, DType operand, Value* v) {
  if (result == operand) return v;
  if (is_only_stored(operand)) return widen(ir_, isa_, operand, v);
  if (is_only_stored(result)) return narrow(ir_, isa_, result, v);
  llvm::Type* type = type_of(result);
  if (const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(v->getType()))
    type = vector_of(type, static_cast<int>(vector->getNumElements()));
  Value* zero = llvm::Constant::getNullValue(v->getType());
  if (is_floating(operand)) {
    if (result == DType::bool_) return ir_.CreateFCmpUNE(v, zero);
    if (is_floating(result)) return ir_.CreateFPCast(v, type);
    const auto id = is_unsigned(result) ? llvm::Intrinsic::fptoui_sat : llvm::Intrinsic::fptosi_sat;
    return ir_.CreateIntrinsic(id, {type, v->getType()}, {v});
  }
  if (result == DType::bool_) return ir_.CreateICmpNE(v, zero);
  if (is_floating(result)) return is_unsigned(operand) ? ir_.CreateUIToFP(v, type) : ir_.CreateSIToFP(v, type);
  return ir_.CreateIntCast(v, type, !is_unsigned(operand));
}

Carried Scalars::combine(Combiner combiner, DType dtype, const Carried& a, const Carried& b) {
  const auto with = [&](ScalarOp op) -> Carried {
    Value* args[] = {a[0], b[0]};
    return {apply(op, dtype, dtype, args)};
  };
  switch (combiner) {
    case Combiner::sum:
      return with(ScalarOp::add);
    case Combiner::prod:
      return with(ScalarOp::mul);
    case Combiner::max:
      return with(ScalarOp::max);
    case Combiner::min:
      return with(ScalarOp::min);
    case Combiner::any:
      return with(ScalarOp::bit_or);
    case Combiner::all:
      return with(ScalarOp::bit_and);
    case Combiner::arg_max:
    case Combiner::arg_min:
      break;
  }
  // b replaces a if it is better, or as good and earlier. NaN is better than any number.
  Value* better = compare(ScalarOp::lt, dtype, combiner == Combiner::arg_max ? a[0] : b[0],
                          combiner == Combiner::arg_max ? b[0] : a[0]);
  Value* equal = compare(ScalarOp::eq, dtype, a[0], b[0]);
  if (is_floating(dtype)) {
    Value *nan_a = ir_.CreateFCmpUNO(a[0], a[0]), *nan_b = ir_.CreateFCmpUNO(b[0], b[0]);
    better = ir_.CreateOr(better, ir_.CreateAnd(nan_b, ir_.CreateNot(nan_a)));
    equal = ir_.CreateOr(equal, ir_.CreateAnd(nan_a, nan_b));
  }
  Value* replaces = ir_.CreateOr(better, ir_.CreateAnd(equal, ir_.CreateICmpSLT(b[1], a[1])));
  return {pick(replaces, b[0], a[0]), pick(replaces, b[1], a[1])};
}

std::pair<Carried, Carried> Scalars::halves(const Carried& vectors) {
  Carried below, above;
  for (Value* v : vectors) {
    const int half = static_cast<int>(llvm::cast<llvm::FixedVectorType>(v->getType())->getNumElements()) / 2;
    std::vector<int> low, high;
    for (int l = 0; l < half; ++l) low.push_back(l), high.push_back(half + l);
    below.push_back(ir_.CreateShuffleVector(v, low));
    above.push_back(ir_.CreateShuffleVector(v, high));
  }
  return {below, above};
}

Carried Scalars::across_lanes(Combiner combiner, DType dtype, Carried partial, int width) {
  for (int left = width; left > 1; left /= 2) {
    const auto [low, high] = halves(partial);
    partial = combine(combiner, dtype, low, high);
  }
  if (width > 1)
    for (Value*& v : partial) v = ir_.CreateExtractElement(v, std::uint64_t{0});
  return partial;
}

}  // namespace bitale::codegen::host
