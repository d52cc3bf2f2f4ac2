#include "runtime/memory/view.h"

#include <cstring>

#include <fmt/format.h>

namespace bitale {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

bool aligned(const ArrayView& v) { return reinterpret_cast<std::uintptr_t>(v.data) % size_of(v.dtype) == 0; }

// Neighbours along the last axis, in order.
bool last_axis_is_dense(const ArrayView& v) {
  return !v.shape.empty() && (v.strides.back() == 1 || v.shape.back() == 1);
}

void check(const ArrayView& v) {
  if (v.strides.size() != v.shape.size())
    throw Error("a view of shape " + shape_text(v.shape) + " with " + std::to_string(v.strides.size()) + " strides");
  if (element_count(v.shape) > 0 && !v.data) throw Error("a view " + text_of(v) + " of no memory");
}

// Copies the elements of one axis and of those after it.
std::uint8_t* gather(const ArrayView& v, int axis, const std::uint8_t* from, std::uint8_t* to) {
  const auto size = static_cast<std::int64_t>(size_of(v.dtype));
  const int rank = static_cast<int>(v.shape.size());
  if (axis == rank || (axis == rank - 1 && last_axis_is_dense(v))) {
    const auto bytes = static_cast<std::size_t>(axis == rank ? size : size * v.shape.back());
    std::memcpy(to, from, bytes);
    return to + bytes;
  }
  for (std::int64_t i = 0; i < v.shape[at(axis)]; ++i)
    to = gather(v, axis + 1, from + i * v.strides[at(axis)] * size, to);
  return to;
}

}  // namespace

Extents row_major_strides(const Extents& shape) {
  element_count(shape);
  Extents strides(shape.size());
  std::int64_t step = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    if (__builtin_mul_overflow(step, shape[i], &step)) step = 0;  // only where there are no elements
  }
  return strides;
}

std::string text_of(const ArrayView& view) {
  const std::string type = std::string(name_of(view.dtype)) + shape_text(view.shape);
  if (view.strides.size() != view.shape.size() || is_dense(view)) return type;
  return type + " with strides " + shape_text(view.strides);
}

bool is_dense(const ArrayView& view) {
  if (element_count(view.shape) == 0) return true;
  std::int64_t step = 1;
  for (std::size_t i = view.shape.size(); i-- > 0;) {
    if (view.shape[i] != 1 && view.strides[i] != step) return false;
    step *= view.shape[i];
  }
  return aligned(view);
}

Array borrowed(const ArrayView& view) {
  check(view);
  BITALE_ASSERT(is_dense(view), "an Array over " + text_of(view));
  const auto bytes = static_cast<std::size_t>(element_count(view.shape)) * size_of(view.dtype);
  return {view.dtype, view.shape, Storage::adopt(view.data, bytes, nullptr, view.writable)};
}

Array copy_of(const ArrayView& view) {
  check(view);
  Array out(view.dtype, view.shape);
  if (out.size() > 0)
    gather(view, 0, static_cast<const std::uint8_t*>(view.data), static_cast<std::uint8_t*>(out.data()));
  return out;
}

}  // namespace bitale
