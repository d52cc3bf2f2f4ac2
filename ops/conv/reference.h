// Plain accessors for the naive references of this folder.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "compiler/ir/op.h"
#include "runtime/base/error.h"

namespace bitale::ops {

// Calls f(index) for every index of a box, row by row.
template <class F>
void for_each_index(const Extents& box, F&& f) {
  for (std::int64_t extent : box)
    if (extent <= 0) return;
  Extents index(box.size(), 0);
  for (;;) {
    f(std::as_const(index));
    std::size_t axis = box.size();
    while (axis > 0 && ++index[axis - 1] == box[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

// The elements of an array by the indices of some leading axes and of its last (spatial) ones.
template <class T>
struct Elements {
  T* data;
  Extents shape;

  // The index (a, b, s...); (a, s...) if the other axes are seen as one.
  T& operator()(std::int64_t a, std::int64_t b, std::span<const std::int64_t> s) const {
    return data[at(a * shape[1] + b, s)];
  }
  T& operator()(std::int64_t a, std::span<const std::int64_t> s) const { return data[at(a, s)]; }

 private:
  std::size_t at(std::int64_t lead, std::span<const std::int64_t> s) const {
    for (std::size_t k = 0; k < s.size(); ++k) lead = lead * shape[shape.size() - s.size() + k] + s[k];
    return static_cast<std::size_t>(lead);
  }
};

template <class T>
Elements<const T> elements(const Array& a) {
  return {a.view<T>().data(), a.shape()};
}
template <class T>
Elements<T> elements(Array& a) {
  return {a.view<T>().data(), a.shape()};
}

// The last `axes` extents, and the number of what lies before them.
inline Extents spatial_extents(const Extents& shape, std::size_t axes) {
  return {shape.end() - static_cast<std::ptrdiff_t>(axes), shape.end()};
}
inline std::int64_t lead_count(const Extents& shape, std::size_t axes) {
  std::int64_t n = 1;
  for (std::size_t i = 0; i + axes < shape.size(); ++i) n *= shape[i];
  return n;
}

// The number of groups, at least 1: without channels it makes no difference.
inline std::int64_t group_count(std::int64_t channels, std::int64_t channels_of_filter) {
  return channels == 0 || channels_of_filter == 0 ? 1 : channels / channels_of_filter;
}

// Calls f with the C++ type of a float dtype.
template <class F>
void dispatch_float(DType dtype, F&& f) {
  if (dtype == DType::f32)
    f(std::type_identity<float>{});
  else if (dtype == DType::f64)
    f(std::type_identity<double>{});
  else
    throw InternalError("a float reference on dtype " + std::string(name_of(dtype)));
}

}  // namespace bitale::ops
