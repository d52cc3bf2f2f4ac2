// QR factors, and least squares by them, of matrices that are not wider than high.
#include <Eigen/QR>

#include "runtime/library/each_matrix.h"

namespace bitale::library {

int qr(Context* context, const Arguments& a) {
  const std::int64_t m = a.extents[1], n = a.extents[2];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, m, n);
    auto q = output<T>(a, 1, number, m, n);
    auto r = output<T>(a, 2, number, n, n);
    if (n == 0) return MatrixFailure{};
    if (!is_finite(x)) {
      q.setConstant(nan_of<T>);
      r.setConstant(nan_of<T>);
      return MatrixFailure{};
    }
    const Eigen::HouseholderQR<Matrix<T>> factors(x);
    q = factors.householderQ() * Matrix<T>::Identity(m, n);
    r.setZero();
    r.template triangularView<Eigen::Upper>() = factors.matrixQR().topRows(n);
    for (std::int64_t i = 0; i < n; ++i)
      if (r(i, i) < 0) {
        q.col(i) = -q.col(i);
        r.row(i) = -r.row(i);
      }
    return MatrixFailure{};
  });
}

int lstsq(Context* context, const Arguments& a) {
  const std::int64_t m = a.extents[1], n = a.extents[2], k = a.extents[3];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, m, n);
    auto y = output<T>(a, 2, number, n, k);
    if (n == 0 || k == 0) return MatrixFailure{};
    if (!is_finite(x)) {
      y.setConstant(nan_of<T>);
      return MatrixFailure{};
    }
    const Eigen::HouseholderQR<Matrix<T>> factors(x);
    const Vector<T> pivots = factors.matrixQR().diagonal().cwiseAbs();
    const T least = pivots.maxCoeff() * static_cast<T>(m) * std::numeric_limits<T>::epsilon();
    for (std::int64_t i = 0; i < n; ++i)
      if (!(pivots(i) > least)) return failed(ErrorCode::rank_deficient, i, pivots(i));
    y = factors.solve(Matrix<T>(input<T>(a, 1, number, m, k)));
    return MatrixFailure{};
  });
}

}  // namespace bitale::library
