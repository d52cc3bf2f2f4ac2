// Singular values and vectors, and the pseudo-inverse by them.
#include <algorithm>
#include <bit>

#include <Eigen/SVD>

#include "runtime/library/each_matrix.h"

namespace bitale::library {
namespace {

template <class X>
Eigen::BDCSVD<Wide> decomposed(const X& x, unsigned int vectors) {
  return {Wide(x.template cast<double>()), vectors};
}

}  // namespace

int svd(Context* context, const Arguments& a) {
  const std::int64_t m = a.extents[1], n = a.extents[2], k = std::min(m, n);
  const bool full = a.integers[1] != 0;
  const std::int64_t columns = full ? m : k, rows = full ? n : k;  // of u, of vt
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, m, n);
    auto u = output<T>(a, 1, number, m, columns);
    auto s = output<T>(a, 2, number, k, 1);
    auto vt = output<T>(a, 3, number, rows, n);
    if (k == 0) {
      u.setIdentity();
      vt.setIdentity();
      return MatrixFailure{};
    }
    if (!is_finite(x)) {
      u.setConstant(nan_of<T>);
      s.setConstant(nan_of<T>);
      vt.setConstant(nan_of<T>);
      return MatrixFailure{};
    }
    const auto solver =
        decomposed(x, full ? Eigen::ComputeFullU | Eigen::ComputeFullV : Eigen::ComputeThinU | Eigen::ComputeThinV);
    if (solver.info() != Eigen::Success) return failed(ErrorCode::no_convergence);
    u = solver.matrixU().template cast<T>();
    s = solver.singularValues().template cast<T>();
    vt = solver.matrixV().transpose().template cast<T>();
    for (std::int64_t j = 0; j < columns; ++j)
      if (points_down(u.col(j))) {
        u.col(j) = -u.col(j);
        if (j < k) vt.row(j) = -vt.row(j);
      }
    return MatrixFailure{};
  });
}

int pinv(Context* context, const Arguments& a) {
  const std::int64_t m = a.extents[1], n = a.extents[2];
  const auto asked = std::bit_cast<double>(a.integers[1]);
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, m, n);
    auto y = output<T>(a, 1, number, n, m);
    if (m == 0 || n == 0) return MatrixFailure{};
    if (!is_finite(x)) {
      y.setConstant(nan_of<T>);
      return MatrixFailure{};
    }
    const auto solver = decomposed(x, Eigen::ComputeThinU | Eigen::ComputeThinV);
    if (solver.info() != Eigen::Success) return failed(ErrorCode::no_convergence);
    Vector<double> s = solver.singularValues();
    const double usual = static_cast<double>(std::max(m, n)) * static_cast<double>(std::numeric_limits<T>::epsilon());
    const double cutoff = asked >= 0 ? asked : usual;
    const double least = cutoff * s(0);
    for (Eigen::Index i = 0; i < s.size(); ++i) s(i) = s(i) > least ? 1 / s(i) : 0;
    y = Wide(solver.matrixV() * s.asDiagonal() * solver.matrixU().transpose()).template cast<T>();
    return MatrixFailure{};
  });
}

}  // namespace bitale::library
