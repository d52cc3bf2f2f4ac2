// Eigenvalues and eigenvectors of symmetric matrices.
#include <Eigen/Eigenvalues>

#include "runtime/library/each_matrix.h"

namespace bitale::library {
namespace {

template <class X>
Eigen::SelfAdjointEigenSolver<Wide> solved(const X& x, int vectors) {
  return Eigen::SelfAdjointEigenSolver<Wide>(Wide(x.template cast<double>()), vectors);
}

}  // namespace

int eigh(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, n, n);
    auto w = output<T>(a, 1, number, n, 1);
    auto v = output<T>(a, 2, number, n, n);
    if (n == 0) return MatrixFailure{};
    if (!is_finite_below(x)) {
      w.setConstant(nan_of<T>);
      v.setConstant(nan_of<T>);
      return MatrixFailure{};
    }
    const auto solver = solved(x, Eigen::ComputeEigenvectors);
    if (solver.info() != Eigen::Success) return failed(ErrorCode::no_convergence);
    w = solver.eigenvalues().template cast<T>();
    v = solver.eigenvectors().template cast<T>();
    for (std::int64_t j = 0; j < n; ++j)
      if (points_down(v.col(j))) v.col(j) = -v.col(j);
    return MatrixFailure{};
  });
}

int eigvalsh(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, n, n);
    auto w = output<T>(a, 1, number, n, 1);
    if (n == 0) return MatrixFailure{};
    if (!is_finite_below(x)) {
      w.setConstant(nan_of<T>);
      return MatrixFailure{};
    }
    const auto solver = solved(x, Eigen::EigenvaluesOnly);
    if (solver.info() != Eigen::Success) return failed(ErrorCode::no_convergence);
    w = solver.eigenvalues().template cast<T>();
    return MatrixFailure{};
  });
}

}  // namespace bitale::library
