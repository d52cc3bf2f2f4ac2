// Eigen objects in and out of calls, without copies. The only header that needs Eigen (3.4), and only where it is
// included.
//
// In: whatever has memory (Matrix, Array, Map, Ref, Block, Transpose) is an argument of a call, and a destination of
// call_into(). It is read where it lies if it is row-major and its rows follow each other; a column-major matrix, which
// is Eigen's default, is copied once per call. To spare that, let the program have the transpose: an input of shape
// {columns, rows}, transpose(x) in the graph, and m.transpose() as the argument, which is row-major in memory.
// Expressions that have to be computed (a + b) are no arguments: (a + b).eval() is. A vector (one extent is 1 at
// compile time) has rank 1, everything else rank 2.
//
// Out: as_matrix and as_vector show an Array, which must outlive what they return.
#pragma once

#include <type_traits>

#include <Eigen/Core>
#include <bitale/function.h>

#include "runtime/memory/view.h"

namespace bitale {

namespace detail {

template <class M>
concept EigenMemory = std::is_base_of_v<Eigen::DenseBase<M>, M> && ElementType<typename M::Scalar> &&
                      ((static_cast<int>(Eigen::internal::traits<M>::Flags) & Eigen::DirectAccessBit) != 0);

template <class M>
ArrayView eigen_view(const M& m, bool writable) {
  auto* data = const_cast<typename M::Scalar*>(m.data());
  if constexpr (M::IsVectorAtCompileTime)
    return {dtype_of<typename M::Scalar>(), data, {m.size()}, {m.innerStride()}, writable};
  else
    return {dtype_of<typename M::Scalar>(), data, {m.rows(), m.cols()}, {m.rowStride(), m.colStride()}, writable};
}

}  // namespace detail

// What refers to other memory (Map, Ref, Block) may write it even where it is const itself, unless that memory is
// const.
template <detail::EigenMemory M>
struct ViewTraits<M> {
  static constexpr bool owns = std::is_base_of_v<Eigen::PlainObjectBase<M>, M>;
  static constexpr bool lvalue = (static_cast<int>(Eigen::internal::traits<M>::Flags) & Eigen::LvalueBit) != 0;
  static ArrayView view(const M& m) { return detail::eigen_view(m, lvalue && !owns); }
  static ArrayView view(M& m) { return detail::eigen_view(m, lvalue); }
};

template <class T>
using RowMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace detail {

inline void require_rank(const Array& array, int rank, const char* what) {
  if (array.rank() != rank)
    throw Error(std::string(what) + " of an array of shape " + shape_text(array.shape()) + ": its rank must be " +
                std::to_string(rank));
}

}  // namespace detail

// An Array of rank 2 as a row-major matrix; another rank, or another dtype than T's, is an Error.
template <class T>
Eigen::Map<RowMajorMatrix<T>> as_matrix(Array& array) {
  detail::require_rank(array, 2, "as_matrix");
  return {array.view<T>().data(), array.shape()[0], array.shape()[1]};
}
template <class T>
Eigen::Map<const RowMajorMatrix<T>> as_matrix(const Array& array) {
  detail::require_rank(array, 2, "as_matrix");
  return {array.view<T>().data(), array.shape()[0], array.shape()[1]};
}
template <class T>
void as_matrix(const Array&& array) = delete;  // what it would show is gone

// An Array of rank 1 as a column vector.
template <class T>
Eigen::Map<Eigen::VectorX<T>> as_vector(Array& array) {
  detail::require_rank(array, 1, "as_vector");
  return {array.view<T>().data(), array.shape()[0]};
}
template <class T>
Eigen::Map<const Eigen::VectorX<T>> as_vector(const Array& array) {
  detail::require_rank(array, 1, "as_vector");
  return {array.view<T>().data(), array.shape()[0]};
}
template <class T>
void as_vector(const Array&& array) = delete;

}  // namespace bitale
