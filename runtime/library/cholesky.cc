// Cholesky factors and what is solved by them.
#include <Eigen/Cholesky>

#include "runtime/library/each_matrix.h"

namespace bitale::library {
namespace {

// The pivot that stopped a factorisation, found again column by column.
template <class M>
MatrixFailure bad_pivot(const M& a) {
  using T = typename M::Scalar;
  Matrix<T> l = a;
  T pivot = 0;
  for (Eigen::Index j = 0; j < l.rows(); ++j) {
    pivot = l(j, j) - l.row(j).head(j).squaredNorm();
    if (!(pivot > 0)) return failed(ErrorCode::not_positive_definite, j, pivot);
    l(j, j) = std::sqrt(pivot);
    for (Eigen::Index i = j + 1; i < l.rows(); ++i)
      l(i, j) = (l(i, j) - l.row(i).head(j).dot(l.row(j).head(j))) / l(j, j);
  }
  return failed(ErrorCode::not_positive_definite, l.rows() - 1, pivot);
}

}  // namespace

int cholesky(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, n, n);
    auto l = output<T>(a, 1, number, n, n);
    if (!is_finite_below(x)) {
      l.setConstant(nan_of<T>);
      return MatrixFailure{};
    }
    const Eigen::LLT<Matrix<T>> factor(x);
    if (n > 0 && factor.info() != Eigen::Success) return bad_pivot(x);
    l.setZero();
    l.template triangularView<Eigen::Lower>() = factor.matrixLLT();
    return MatrixFailure{};
  });
}

int cholesky_solve(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1], k = a.extents[2];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto l = input<T>(a, 2, number, n, n);
    auto x = output<T>(a, 3, number, n, k);
    x = input<T>(a, 1, number, n, k);
    if (n == 0 || k == 0) return MatrixFailure{};
    l.template triangularView<Eigen::Lower>().solveInPlace(x);
    l.transpose().template triangularView<Eigen::Upper>().solveInPlace(x);
    return MatrixFailure{};
  });
}

}  // namespace bitale::library
