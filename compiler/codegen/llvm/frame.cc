#include "compiler/codegen/llvm/frame.h"

#include <algorithm>

#include <llvm/IR/Constants.h>

#include "runtime/base/error.h"

namespace bitale::codegen::host {

using kernel::ScalarOp;
using Form = Slot::Form;

namespace {

// What a guard hides is read from here: as much as one access can span, 16 lanes of 8 bytes at stride 4.
constexpr int zeros_bytes = 16 * 8 * 4;

llvm::ConstantInt* known(Value* v) { return llvm::dyn_cast<llvm::ConstantInt>(v); }
bool is_zero(Value* v) { return known(v) != nullptr && known(v)->isZero(); }

}  // namespace

Frame::Frame(Unit& u, llvm::Function* function, const kernel::Kernel& k)
    : kernel(k),
      unit(u),
      ir(llvm::BasicBlock::Create(u.context(), "", function)),
      scalars(u, ir),
      slots_(k.values.size()) {
  llvm::FastMathFlags contract;
  contract.setAllowContract(true);
  ir.setFastMathFlags(contract);

  Value *buffers = function->getArg(1), *extents = function->getArg(2);
  for (const kernel::Buffer& b : k.buffers) {
    if (b.scratch == 0) {
      Value* at = ir.CreateConstGEP1_64(ir.getPtrTy(), buffers, bases_.size());
      bases_.push_back(ir.CreateLoad(ir.getPtrTy(), at));
    } else {
      auto* array = llvm::ArrayType::get(ir.getInt8Ty(), static_cast<std::uint64_t>(b.scratch) * size_of(b.storage));
      llvm::AllocaInst* memory = ir.CreateAlloca(array);
      memory->setAlignment(llvm::Align(64));
      bases_.push_back(memory);
    }
  }
  for (int e = 0; e < k.extents; ++e)
    extents_.push_back(
        ir.CreateLoad(ir.getInt64Ty(), ir.CreateConstGEP1_64(ir.getInt64Ty(), extents, static_cast<unsigned>(e))));
  llvm::AllocaInst* spare = ir.CreateAlloca(ir.getInt64Ty());
  spare_ = spare;
  llvm::Constant* zeros = llvm::Constant::getNullValue(llvm::ArrayType::get(ir.getInt8Ty(), zeros_bytes));
  zeros_ =
      new llvm::GlobalVariable(u.module(), zeros->getType(), true, llvm::GlobalValue::PrivateLinkage, zeros, "zeros");
  zeros_->setAlignment(llvm::Align(64));
  zeros_->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
}

// --- values
// ---------------------------------------------------------------------------------------------------------------

const Slot& Frame::slot(kernel::ValueId id) {
  Slot& s = slots_[static_cast<std::size_t>(id)];
  if (s.form == Form::absent) {
    const kernel::Value& v = kernel.value(id);
    BITALE_ASSERT(v.op == ScalarOp::constant || v.op == ScalarOp::extent,
                  "v" + std::to_string(id) + " is used before its Let");
    s = {Form::uniform, v.op == ScalarOp::constant ? scalars.constant(v) : extent(v.extent), nullptr, 0};
  }
  return s;
}

Value* Frame::in_lanes(const Slot& s) {
  if (s.form == Form::uniform) return scalars.splat(s.value, width);
  if (s.form == Form::varying) return s.value;
  return in_lanes(Offset{s.value, s.step, nullptr});
}

void Frame::let(kernel::ValueId id) {
  const kernel::Value& v = kernel.value(id);
  set(id, v.op == ScalarOp::load ? load(v) : instruction(v));
}

Slot Frame::instruction(const kernel::Value& v) {
  Slot result;
  if (affine(v, result)) return result;
  const auto arity = static_cast<std::size_t>(kernel::arity_of(v.op));
  const DType operand = kernel.value(v.args[arity - 1]).type;
  Value* args[3];
  const auto is_uniform = [&](kernel::ValueId a) { return slot(a).form == Form::uniform; };
  const bool uniform_result =
      std::all_of(v.args.begin(), v.args.begin() + static_cast<std::ptrdiff_t>(arity), is_uniform);
  for (std::size_t i = 0; i < arity; ++i) args[i] = uniform_result ? slot(v.args[i]).value : in_lanes(v.args[i]);
  Value* value = scalars.apply(v.op, v.type, operand, {args, arity});
  return {uniform_result ? Form::uniform : Form::varying, value, nullptr, depth()};
}

// Index arithmetic on linear values stays linear; casts to narrower integers are done lane by lane in the narrow type.
bool Frame::affine(const kernel::Value& v, Slot& result) {
  if (width == 1) return false;
  const auto linear_at = [&](std::size_t i) {
    return v.args[i] != kernel::no_value && slot(v.args[i]).form == Form::linear;
  };
  const auto varying_at = [&](std::size_t i) {
    return v.args[i] != kernel::no_value && slot(v.args[i]).form == Form::varying;
  };
  const bool a = linear_at(0), b = linear_at(1);
  if (!(a || b) || varying_at(0) || varying_at(1)) return false;
  const Slot& x = slot(v.args[0]);
  const auto step = [&](const Slot& s) { return s.form == Form::linear ? s.step : number(0); };
  result = {Form::linear, nullptr, nullptr, depth()};
  switch (v.op) {
    case ScalarOp::add:
    case ScalarOp::sub: {
      const Slot& y = slot(v.args[1]);
      const bool add = v.op == ScalarOp::add;
      result.value = add ? ir.CreateAdd(x.value, y.value) : ir.CreateSub(x.value, y.value);
      result.step = add ? ir.CreateAdd(step(x), step(y)) : ir.CreateSub(step(x), step(y));
      return true;
    }
    case ScalarOp::mul: {
      if (a && b) return false;
      const Slot &l = a ? x : slot(v.args[1]), &u = a ? slot(v.args[1]) : x;
      result.value = ir.CreateMul(l.value, u.value);
      result.step = ir.CreateMul(l.step, u.value);
      return true;
    }
    case ScalarOp::neg:
      result.value = ir.CreateNeg(x.value);
      result.step = ir.CreateNeg(x.step);
      return true;
    case ScalarOp::cast: {
      if (!is_integer(v.type) || size_of(v.type) == 8) return false;
      llvm::Type* type = scalars.type_of(v.type);
      Value* steps = scalars.splat(ir.CreateTrunc(x.step, type), width);
      result.form = Form::varying;
      result.value =
          ir.CreateAdd(scalars.splat(ir.CreateTrunc(x.value, type), width), ir.CreateMul(iota(type, width), steps));
      return true;
    }
    default:
      return false;
  }
}

// --- offsets
// --------------------------------------------------------------------------------------------------------------

bool Frame::Offset::has_step(std::int64_t n) const {
  if (varying != nullptr || step == nullptr) return n == 0 && varying == nullptr;
  return known(step) != nullptr && known(step)->getSExtValue() == n;
}

// Terms are summed outermost first, each partial sum before the loop that does not change it: with no pass that moves
// invariant code, this is what keeps address arithmetic out of inner loops.
Frame::Offset Frame::offset_of(const kernel::Index& index) {
  std::vector<const kernel::Term*> terms;
  for (const kernel::Term& t : index.terms) terms.push_back(&t);
  std::stable_sort(terms.begin(), terms.end(),
                   [&](const auto* a, const auto* b) { return slot(a->value).depth < slot(b->value).depth; });
  Offset sum{extent(index.constant), nullptr, nullptr};
  for (const kernel::Term* t : terms) {
    const Slot& s = slot(t->value);
    Value* stride = extent(t->stride);
    if (s.form == Form::varying) {
      Value* product = ir.CreateMul(s.value, scalars.splat(stride, width));
      sum.varying = sum.varying == nullptr ? product : ir.CreateAdd(sum.varying, product);
      continue;
    }
    if (s.form == Form::linear) {
      Value* step = ir.CreateMul(s.step, stride);
      sum.step = sum.step == nullptr ? step : ir.CreateAdd(sum.step, step);
    }
    Ir::InsertPointGuard guard(ir);
    if (s.depth < depth()) ir.SetInsertPoint(before_loop[static_cast<std::size_t>(s.depth)]);
    sum.base = ir.CreateAdd(sum.base, ir.CreateMul(s.value, stride));
  }
  if (sum.step != nullptr && is_zero(sum.step)) sum.step = nullptr;
  return sum;
}

Value* Frame::in_lanes(const Offset& offset) {
  Value* lanes = scalars.splat(offset.base, width);
  if (offset.step != nullptr) {
    Value* steps = ir.CreateMul(iota(ir.getInt64Ty(), width), scalars.splat(offset.step, width));
    lanes = ir.CreateAdd(lanes, steps);
  }
  return offset.varying == nullptr ? lanes : ir.CreateAdd(lanes, offset.varying);
}

// --- guards
// ---------------------------------------------------------------------------------------------------------------

Frame::Guard Frame::guard_of(const std::vector<kernel::Bound>& bounds) {
  Guard guard;
  for (const kernel::Bound& b : bounds) add_bound(b, guard);
  if (guard.uniform != nullptr && known(guard.uniform) != nullptr && known(guard.uniform)->isOne())
    guard.uniform = nullptr;
  return guard;
}

void Frame::add_bound(const kernel::Bound& bound, Guard& guard) {
  const Offset index = offset_of(bound.index);
  Value* upper = smax(ir, extent(bound.upper), number(0));  // compared as unsigned, which tests 0 <= index too
  if (index.is_uniform()) {
    guard.uniform = conjunction(guard.uniform, ir.CreateICmpULT(index.base, upper));
  } else if (index.has_step(1)) {  // -base <= lane < upper - base
    guard.lanes = conjunction(guard.lanes, ir.CreateAnd(lanes_from(ir, ir.CreateNeg(index.base), width),
                                                        lanes_below(ir, ir.CreateSub(upper, index.base), width)));
  } else if (index.has_step(-1)) {  // base - upper < lane <= base
    Value* first = ir.CreateAdd(ir.CreateSub(index.base, upper), number(1));
    guard.lanes = conjunction(guard.lanes, ir.CreateAnd(lanes_from(ir, first, width),
                                                        lanes_below(ir, ir.CreateAdd(index.base, number(1)), width)));
  } else {
    guard.lanes = conjunction(guard.lanes, ir.CreateICmpULT(in_lanes(index), scalars.splat(upper, width)));
  }
}

Value* Frame::any_lane(Value* mask) {
  Value* bits = ir.CreateBitCast(mask, ir.getIntNTy(static_cast<unsigned>(width)));
  return ir.CreateICmpNE(bits, llvm::Constant::getNullValue(bits->getType()));
}

}  // namespace bitale::codegen::host
