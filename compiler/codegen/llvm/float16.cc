#include "compiler/codegen/llvm/float16.h"

#include <bit>

#include <llvm/IR/Constants.h>

namespace bitale::codegen::host {
namespace {

int lanes_of(Value* v) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(v->getType());
  return vector ? static_cast<int>(vector->getNumElements()) : 1;
}

llvm::Type* like(Value* v, llvm::Type* element) {
  return v->getType()->isVectorTy() ? vector_of(element, lanes_of(v)) : element;
}

llvm::Constant* number(Value* like, std::uint32_t n) { return llvm::ConstantInt::get(like->getType(), n); }

// f on no more lanes than `most`, which is a power of two.
template <class F>
Value* in_parts(Ir& ir, Value* v, int most, F f) {
  const int lanes = lanes_of(v), half = lanes / 2;
  if (lanes <= most) return f(v);
  std::vector<int> low, high, both;
  for (int l = 0; l < half; ++l) low.push_back(l), high.push_back(half + l);
  for (int l = 0; l < lanes; ++l) both.push_back(l);
  Value* below = in_parts(ir, ir.CreateShuffleVector(v, low), most, f);
  return ir.CreateShuffleVector(below, in_parts(ir, ir.CreateShuffleVector(v, high), most, f), both);
}

// --- float16 by the instructions of F16C
//
// The constrained intrinsics say no more than fpext and fptrunc, but LLVM looks through those: it would compare and add
// in half, which it knows only how to do lane by lane. It selects them for whole registers alone.

int register_lanes(Isa isa) { return isa == Isa::v4 ? 16 : 8; }

llvm::Value* metadata(Ir& ir, const char* text) {
  return llvm::MetadataAsValue::get(ir.getContext(), llvm::MDString::get(ir.getContext(), text));
}

Value* extended(Ir& ir, Value* bits) {
  Value* half = ir.CreateBitCast(bits, like(bits, ir.getHalfTy()));
  llvm::Type* single = like(bits, ir.getFloatTy());
  return ir.CreateIntrinsic(llvm::Intrinsic::experimental_constrained_fpext, {single, half->getType()},
                            {half, metadata(ir, "fpexcept.ignore")});
}

Value* truncated(Ir& ir, Value* single) {
  llvm::Type* half = like(single, ir.getHalfTy());
  Value* rounded = ir.CreateIntrinsic(llvm::Intrinsic::experimental_constrained_fptrunc, {half, single->getType()},
                                      {single, metadata(ir, "round.tonearest"), metadata(ir, "fpexcept.ignore")});
  return ir.CreateBitCast(rounded, like(single, ir.getInt16Ty()));
}

// --- float16 by integers

// The exponent and the fraction go where float has them; a product, which takes subnormal numbers along, corrects the
// bias of the exponent.
Value* half_to_single(Ir& ir, Value* bits) {
  llvm::Type* single = like(bits, ir.getFloatTy());
  Value* wide = ir.CreateZExt(bits, like(bits, ir.getInt32Ty()));
  Value* sign = ir.CreateShl(ir.CreateAnd(wide, number(wide, 0x8000)), number(wide, 16));
  Value* magnitude = ir.CreateShl(ir.CreateAnd(wide, number(wide, 0x7fff)), number(wide, 13));
  Value* scaled = ir.CreateFMul(ir.CreateBitCast(magnitude, single), llvm::ConstantFP::get(single, 0x1p112));
  Value* is_finite = ir.CreateICmpULT(magnitude, number(wide, 0x7c00 << 13));
  Value* number_bits = ir.CreateBitCast(scaled, wide->getType());
  Value* other_bits = ir.CreateOr(magnitude, number(wide, 0x7f800000));
  return ir.CreateBitCast(ir.CreateOr(ir.CreateSelect(is_finite, number_bits, other_bits), sign), single);
}

// A subnormal result is rounded by an addition that leaves it in the low bits of the sum; others by adding half of
// their last place, or a little less where that is even.
Value* single_to_half(Ir& ir, Value* single) {
  llvm::Type* i32 = like(single, ir.getInt32Ty());
  Value* bits = ir.CreateBitCast(single, i32);
  Value* sign = ir.CreateAnd(bits, number(bits, 0x80000000u));
  Value* magnitude = ir.CreateXor(bits, sign);
  const float last_place = 0.5f;  // of this sum is that of the smallest half
  Value* sum = ir.CreateFAdd(ir.CreateBitCast(magnitude, single->getType()),
                             llvm::ConstantFP::get(single->getType(), last_place));
  Value* subnormal = ir.CreateSub(ir.CreateBitCast(sum, i32), number(bits, std::bit_cast<std::uint32_t>(last_place)));
  Value* odd = ir.CreateAnd(ir.CreateLShr(magnitude, number(bits, 13)), number(bits, 1));
  const std::uint32_t rebias = static_cast<std::uint32_t>(15 - 127) << 23;
  Value* normal =
      ir.CreateLShr(ir.CreateAdd(ir.CreateAdd(magnitude, number(bits, rebias + 0xfff)), odd), number(bits, 13));
  Value* is_nan = ir.CreateICmpUGT(magnitude, number(bits, 0x7f800000));
  Value* beyond = ir.CreateSelect(is_nan, number(bits, 0x7e00), number(bits, 0x7c00));
  Value* small = ir.CreateICmpULT(magnitude, number(bits, (127 - 14) << 23));
  Value* large = ir.CreateICmpUGE(magnitude, number(bits, (127 + 16) << 23));
  Value* half = ir.CreateSelect(large, beyond, ir.CreateSelect(small, subnormal, normal));
  return ir.CreateTrunc(ir.CreateOr(half, ir.CreateLShr(sign, number(bits, 16))), like(single, ir.getInt16Ty()));
}

// --- bfloat16: the upper half of a float

Value* upper_half_to_single(Ir& ir, Value* bits) {
  Value* wide = ir.CreateZExt(bits, like(bits, ir.getInt32Ty()));
  return ir.CreateBitCast(ir.CreateShl(wide, number(wide, 16)), like(bits, ir.getFloatTy()));
}

Value* single_to_upper_half(Ir& ir, Value* single) {
  Value* bits = ir.CreateBitCast(single, like(single, ir.getInt32Ty()));
  Value* upper = ir.CreateLShr(bits, number(bits, 16));
  Value* nan = ir.CreateOr(upper, number(bits, 0x40));  // quiet, so that it stays one without its lower half
  Value* odd = ir.CreateAnd(upper, number(bits, 1));
  Value* rounded = ir.CreateLShr(ir.CreateAdd(ir.CreateAdd(bits, number(bits, 0x7fff)), odd), number(bits, 16));
  return ir.CreateTrunc(ir.CreateSelect(ir.CreateFCmpUNO(single, single), nan, rounded), like(single, ir.getInt16Ty()));
}

}  // namespace

Value* widen(Ir& ir, Isa isa, DType from, Value* bits) {
  if (from == DType::bf16) return upper_half_to_single(ir, bits);
  if (isa == Isa::v2) return half_to_single(ir, bits);
  return in_parts(ir, bits, register_lanes(isa), [&](Value* part) { return extended(ir, part); });
}

Value* narrow(Ir& ir, Isa isa, DType to, Value* single) {
  if (to == DType::bf16) return single_to_upper_half(ir, single);
  if (isa == Isa::v2) return single_to_half(ir, single);
  return in_parts(ir, single, register_lanes(isa), [&](Value* part) { return truncated(ir, part); });
}

}  // namespace bitale::codegen::host
