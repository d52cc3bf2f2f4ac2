// Loads and stores. Memory may end right behind the last element that an access names, so nothing else is touched: not
// behind the last lane, and not where a guard says no (a guard that is the same for all lanes redirects the pointer to
// zeros).
//
//   step of the address    load                                     store
//   0                      scalar, shared by the lanes              lane by lane (a guard picks the lane)
//   1, -1                  vector, masked if lanes are off          the same
//   2 .. 4, no lane guard  vectors over the span, then shuffles     lane by lane
//   others, gathered       gather instruction, or lane by lane      scatter instruction (v4), or lane by lane

#include <llvm/IR/Constants.h>

#include "compiler/codegen/llvm/frame.h"
#include "runtime/base/error.h"

namespace bitale::codegen::host {

using Form = Slot::Form;

namespace {

constexpr int max_shuffled_stride = 4;

}  // namespace

Frame::Place Frame::place_of(const kernel::Access& access) {
  const kernel::Buffer& b = kernel.buffers[static_cast<std::size_t>(access.buffer)];
  return {scalars.type_of(b.storage), static_cast<int>(size_of(b.storage)),
          bases_[static_cast<std::size_t>(access.buffer)]};
}

Value* Frame::to_value(Value* element, DType dtype) {
  if (dtype != DType::bool_) return element;
  return ir.CreateICmpNE(element, llvm::Constant::getNullValue(element->getType()));
}

Value* Frame::to_element(Value* value, DType dtype) {
  if (dtype != DType::bool_) return value;
  llvm::Type* byte = ir.getInt8Ty();
  return ir.CreateZExt(value, value->getType()->isVectorTy() ? vector_of(byte, width) : byte);
}

Value* Frame::reversed(Value* vector) {
  std::vector<int> mask;
  for (int l = width - 1; l >= 0; --l) mask.push_back(l);
  return ir.CreateShuffleVector(vector, mask);
}

// --- loads
// ----------------------------------------------------------------------------------------------------------------

Slot Frame::load(const kernel::Value& v) {
  const kernel::Access& access = kernel.access(v.index);
  const Place place = place_of(access);
  const Offset at = offset_of(access.index);
  const Guard guard = guard_of(access.guard);
  if (at.is_uniform()) return load_uniform(place, at, guard, v);

  const bool guarded = guard.uniform != nullptr || guard.lanes != nullptr;
  Value* fill =
      guarded ? to_element(in_lanes(v.args[0]), v.type) : llvm::Constant::getNullValue(vector_of(place.type, width));
  return {Form::varying, to_value(load_lanes(place, at, guard, fill), v.type), nullptr, depth()};
}

Slot Frame::load_uniform(const Place& place, const Offset& at, Guard guard, const kernel::Value& v) {
  Value* from = pointer(place, at.base);
  Value* reads = guard.uniform;
  if (guard.lanes != nullptr) reads = conjunction(reads, any_lane(conjunction(guard.lanes, active)));
  if (reads != nullptr) from = ir.CreateSelect(reads, from, zeros_);
  Value* value = to_value(ir.CreateAlignedLoad(place.type, from, place.align()), v.type);
  if (guard.lanes == nullptr) {
    if (guard.uniform != nullptr && slot(v.args[0]).form == Form::uniform)
      value = scalars.pick(guard.uniform, value, slot(v.args[0]).value);
    else if (guard.uniform != nullptr)
      return {Form::varying, ir.CreateSelect(guard.uniform, scalars.splat(value, width), in_lanes(v.args[0])), nullptr,
              depth()};
    return uniform(value);
  }
  Value* lanes = guard.lanes;
  if (guard.uniform != nullptr) lanes = ir.CreateAnd(lanes, scalars.splat(guard.uniform, width));
  return {Form::varying, ir.CreateSelect(lanes, scalars.splat(value, width), in_lanes(v.args[0])), nullptr, depth()};
}

Value* Frame::load_lanes(const Place& place, const Offset& at, const Guard& guard, Value* fill) {
  Value* mask = conjunction(active, guard.lanes);
  if (at.has_step(1)) return load_contiguous(place, pointer(place, at.base), mask, guard, fill);
  if (at.has_step(-1)) {
    Value* start = pointer(place, ir.CreateSub(at.base, number(width - 1)));
    if (mask != nullptr) mask = reversed(mask);
    return reversed(load_contiguous(place, start, mask, guard, guard.uniform || guard.lanes ? reversed(fill) : fill));
  }
  for (int stride = 2; stride <= max_shuffled_stride && guard.lanes == nullptr; ++stride) {
    if (!at.has_step(stride)) continue;
    Value* start = pointer(place, at.base);
    if (guard.uniform == nullptr) return load_strided(place, start, stride);
    Value* seen = load_strided(place, ir.CreateSelect(guard.uniform, start, zeros_), stride);
    return ir.CreateSelect(guard.uniform, seen, fill);
  }
  if (guard.uniform != nullptr) mask = conjunction(mask, scalars.splat(guard.uniform, width));
  return gather(place, at, mask, fill);
}

Value* Frame::load_contiguous(const Place& place, Value* start, Value* mask, const Guard& guard, Value* fill) {
  llvm::Type* type = vector_of(place.type, width);
  if (mask != nullptr) {
    if (guard.uniform != nullptr) mask = ir.CreateAnd(mask, scalars.splat(guard.uniform, width));
    return ir.CreateMaskedLoad(type, start, place.align(), mask, fill);
  }
  if (guard.uniform == nullptr) return ir.CreateAlignedLoad(type, start, place.align());
  Value* seen = ir.CreateAlignedLoad(type, ir.CreateSelect(guard.uniform, start, zeros_), place.align());
  return scalars.pick(guard.uniform, seen, fill);
}

// Vectors from the first element to the last. If all lanes are on, they are whole, and the last one ends with the last
// element; else each is masked to the elements before the last.
Value* Frame::load_strided(const Place& place, Value* start, int stride) {
  llvm::Type* type = vector_of(place.type, width);
  const int last = active == nullptr ? (width - 1) * stride + 1 - width : (stride - 1) * width;
  Value* span =
      active == nullptr ? nullptr : ir.CreateSub(ir.CreateMul(active_lanes, number(stride)), number(stride - 1));
  Value* result = llvm::PoisonValue::get(type);
  for (int part = 0; part < stride; ++part) {
    const int first = std::min(part * width, last);
    Value* from = ir.CreateGEP(place.type, start, number(first));
    Value* seen = active == nullptr ? static_cast<Value*>(ir.CreateAlignedLoad(type, from, place.align()))
                                    : ir.CreateMaskedLoad(type, from, place.align(),
                                                          lanes_below(ir, ir.CreateSub(span, number(first)), width),
                                                          llvm::Constant::getNullValue(type));
    std::vector<int> mask;
    for (int l = 0; l < width; ++l) {
      const int element = l * stride;
      const bool here = element >= part * width && element < (part + 1) * width;
      mask.push_back(here ? width + element - first : l);
    }
    result = ir.CreateShuffleVector(result, seen, mask);
  }
  return result;
}

Value* Frame::lane_offset(const Offset& at, Value* varying, int lane) {
  Value* offset = at.base;
  if (at.step != nullptr) offset = ir.CreateAdd(offset, ir.CreateMul(at.step, number(lane)));
  if (varying != nullptr)
    offset = ir.CreateAdd(offset, ir.CreateExtractElement(varying, static_cast<std::uint64_t>(lane)));
  return offset;
}

Value* Frame::gather(const Place& place, const Offset& at, Value* mask, Value* fill) {
  llvm::Type* type = vector_of(place.type, width);
  if (mask == nullptr && (unit.isa() != Isa::v4 || place.bytes < 4)) {
    Value* result = llvm::PoisonValue::get(type);
    for (int l = 0; l < width; ++l) {
      Value* element = ir.CreateAlignedLoad(place.type, pointer(place, lane_offset(at, at.varying, l)), place.align());
      result = ir.CreateInsertElement(result, element, static_cast<std::uint64_t>(l));
    }
    return result;
  }
  Value* offsets = in_lanes(Offset{number(0), at.step, at.varying});
  Value* from = ir.CreateGEP(place.type, pointer(place, at.base), offsets);
  if (mask == nullptr) mask = llvm::Constant::getAllOnesValue(vector_of(ir.getInt1Ty(), width));
  return ir.CreateMaskedGather(type, from, place.align(), mask, fill);
}

// --- stores
// ---------------------------------------------------------------------------------------------------------------

Value* Frame::sum(DType dtype, Value* a, Value* b) {
  return is_floating(dtype) ? ir.CreateFAdd(a, b) : ir.CreateAdd(a, b);
}

void Frame::store(const kernel::Store& s) {
  const kernel::Access& access = kernel.access(s.access);
  const DType dtype = kernel.buffers[static_cast<std::size_t>(access.buffer)].dtype;
  const Place place = place_of(access);
  const Offset at = offset_of(access.index);
  const Guard guard = guard_of(access.guard);
  Value* value = to_element(in_lanes(s.value), dtype);
  emit_if(ir, guard.uniform == nullptr ? ir.getTrue() : guard.uniform, {}, [&](Carried&) {
    if (width > 1) return store_lanes(place, at, conjunction(active, guard.lanes), dtype, value, s.accumulate);
    Value* to = pointer(place, at.base);
    Value* v = s.accumulate ? sum(dtype, ir.CreateAlignedLoad(place.type, to, place.align()), value) : value;
    ir.CreateAlignedStore(v, to, place.align());
  });
}

void Frame::store_lanes(const Place& place, const Offset& at, Value* mask, DType dtype, Value* value, bool accumulate) {
  llvm::Type* type = vector_of(place.type, width);
  if (at.has_step(1) || at.has_step(-1)) {
    Value* to = pointer(place, at.base);
    if (at.has_step(-1)) {
      to = pointer(place, ir.CreateSub(at.base, number(width - 1)));
      value = reversed(value);
      if (mask != nullptr) mask = reversed(mask);
    }
    if (accumulate) {
      Value* old = mask == nullptr
                       ? static_cast<Value*>(ir.CreateAlignedLoad(type, to, place.align()))
                       : ir.CreateMaskedLoad(type, to, place.align(), mask, llvm::Constant::getNullValue(type));
      value = sum(dtype, old, value);
    }
    if (mask == nullptr)
      ir.CreateAlignedStore(value, to, place.align());
    else
      ir.CreateMaskedStore(value, to, place.align(), mask);
    return;
  }
  if (unit.isa() == Isa::v4 && place.bytes >= 4 && !accumulate && !at.is_uniform()) {
    Value* to = ir.CreateGEP(place.type, pointer(place, at.base), in_lanes(Offset{number(0), at.step, at.varying}));
    ir.CreateMaskedScatter(value, to, place.align(), mask);
    return;
  }
  store_each(place, at, mask, dtype, value, accumulate);
}

// In lane order, so that lanes that meet in one element act as the iterations they are. A lane that is off writes to a
// spare word.
void Frame::store_each(const Place& place, const Offset& at, Value* mask, DType dtype, Value* value, bool accumulate) {
  for (int l = 0; l < width; ++l) {
    Value* to = pointer(place, lane_offset(at, at.varying, l));
    if (mask != nullptr) to = ir.CreateSelect(ir.CreateExtractElement(mask, static_cast<std::uint64_t>(l)), to, spare_);
    Value* element = ir.CreateExtractElement(value, static_cast<std::uint64_t>(l));
    if (accumulate) element = sum(dtype, ir.CreateAlignedLoad(place.type, to, place.align()), element);
    ir.CreateAlignedStore(element, to, place.align());
  }
}

}  // namespace bitale::codegen::host
