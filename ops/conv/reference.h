// Plain accessors for the naive references of this folder.
#pragma once

#include <cstdint>

#include "compiler/ir/op.h"

namespace bitale::ops {

// A tensor of rank 4.
template <class T>
struct Tensor4 {
  T* data;
  std::int64_t n, c, h, w;

  T& operator()(std::int64_t a, std::int64_t b, std::int64_t i, std::int64_t j) const {
    return data[((a * c + b) * h + i) * w + j];
  }
};

template <class T>
Tensor4<const T> tensor4(const Array& a) {
  return {a.view<T>().data(), a.shape()[0], a.shape()[1], a.shape()[2], a.shape()[3]};
}
template <class T>
Tensor4<T> tensor4(Array& a) {
  return {a.view<T>().data(), a.shape()[0], a.shape()[1], a.shape()[2], a.shape()[3]};
}

// The number of groups, at least 1: without channels it makes no difference.
inline std::int64_t group_count(std::int64_t channels, std::int64_t channels_of_filter) {
  return channels == 0 || channels_of_filter == 0 ? 1 : channels / channels_of_filter;
}

// The last two axes of a tensor, and the number of such planes.
template <class T>
struct Planes {
  T* data;
  std::int64_t count, h, w;

  T& operator()(std::int64_t p, std::int64_t i, std::int64_t j) const { return data[(p * h + i) * w + j]; }
};

inline std::int64_t plane_count(const Extents& shape) {
  std::int64_t n = 1;
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) n *= shape[i];
  return n;
}
template <class T>
Planes<const T> planes(const Array& a) {
  return {a.view<T>().data(), plane_count(a.shape()), a.shape()[a.shape().size() - 2], a.shape().back()};
}
template <class T>
Planes<T> planes(Array& a) {
  return {a.view<T>().data(), plane_count(a.shape()), a.shape()[a.shape().size() - 2], a.shape().back()};
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
