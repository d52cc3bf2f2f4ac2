// What the decompositions of matrices.h share. For the .cc files that are written on Eigen.
#pragma once

#include <cmath>
#include <limits>
#include <new>
#include <type_traits>

#include <Eigen/Core>

#include "runtime/base/dtype.h"
#include "runtime/library/matrices.h"

namespace bitale::library {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
// A matrix of a buffer: row-major, aligned to its elements only.
template <class T>
using Rows = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
template <class T>
using ConstRows = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

// Matrix `number` of a buffer of rows x columns matrices.
template <class T>
ConstRows<T> input(const Arguments& a, std::size_t buffer, std::int64_t number, std::int64_t rows,
                   std::int64_t columns) {
  return {static_cast<const T*>(a.buffers[buffer]) + number * rows * columns, rows, columns};
}
template <class T>
Rows<T> output(const Arguments& a, std::size_t buffer, std::int64_t number, std::int64_t rows, std::int64_t columns) {
  return {static_cast<T*>(a.buffers[buffer]) + number * rows * columns, rows, columns};
}

// What is iterated or scaled (eigenvalues, singular values, exponentials) is computed in float64 for either dtype: the
// results of float32 are the better for it, and Eigen's solvers, which take long to compile, are compiled once.
using Wide = Matrix<double>;

template <class T>
constexpr T nan_of = std::numeric_limits<T>::quiet_NaN();

// All elements, or those of the lower triangle, are finite.
template <class M>
bool is_finite(const M& m) {
  for (Eigen::Index i = 0; i < m.rows(); ++i)
    for (Eigen::Index j = 0; j < m.cols(); ++j)
      if (!std::isfinite(m(i, j))) return false;
  return true;
}
template <class M>
bool is_finite_below(const M& m) {
  for (Eigen::Index i = 0; i < m.rows(); ++i)
    for (Eigen::Index j = 0; j <= i; ++j)
      if (!std::isfinite(m(i, j))) return false;
  return true;
}

// Calls f(tag of the element type, number) -> MatrixFailure for the matrices of the batch until one fails.
template <class F>
int each_matrix(Context* context, const Arguments& a, F f) {
  const std::int64_t count = a.extents[0];
  return dispatch(static_cast<DType>(a.integers[0]), [&](auto tag) {
    if constexpr (std::is_floating_point_v<typename decltype(tag)::type>) {
      for (std::int64_t number = 0; number < count; ++number) {
        MatrixFailure failure;
        try {
          failure = f(tag, number);
        } catch (const std::bad_alloc&) {
          failure.code = ErrorCode::no_memory;
        }
        if (failure.code == ErrorCode::none) continue;
        context->error = static_cast<std::int32_t>(failure.code);
        context->error_value = number;
        context->error_limit = count;
        context->error_pivot = failure.pivot;
        context->error_real = failure.value;
        return context->error;
      }
    }
    return 0;
  });
}

inline MatrixFailure failed(ErrorCode code, std::int64_t pivot = 0, double value = 0) {
  return {.code = code, .pivot = pivot, .value = value};
}

// Eigenvectors and singular vectors are made the same everywhere: of the components that are at least half as large as
// the largest, the first is positive. True if the vector is to change its sign.
template <class V>
bool points_down(const V& vector) {
  using T = typename V::Scalar;
  T largest = 0;
  for (Eigen::Index i = 0; i < vector.size(); ++i) largest = std::max(largest, std::abs(vector(i)));
  for (Eigen::Index i = 0; i < vector.size(); ++i)
    if (std::abs(vector(i)) >= largest / 2) return vector(i) < 0;
  return false;
}

}  // namespace bitale::library
