// Systems whose matrix is triangular.
#include "runtime/library/each_matrix.h"

namespace bitale::library {
namespace {

template <unsigned int mode, class A, class X>
void solve_in_place(const A& a, X& x, bool transposed) {
  constexpr unsigned int flipped = (mode & Eigen::Lower ? Eigen::Upper : Eigen::Lower) | (mode & Eigen::UnitDiag);
  if (transposed)
    a.transpose().template triangularView<flipped>().solveInPlace(x);
  else
    a.template triangularView<mode>().solveInPlace(x);
}

}  // namespace

int triangular_solve(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1], k = a.extents[2];
  const bool lower = a.integers[1] != 0, transposed = a.integers[2] != 0, unit = a.integers[3] != 0;
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto t = input<T>(a, 0, number, n, n);
    auto x = output<T>(a, 2, number, n, k);
    x = input<T>(a, 1, number, n, k);
    for (std::int64_t i = 0; i < n && !unit; ++i)
      if (t(i, i) == 0) return failed(ErrorCode::singular, i, 0);
    if (n == 0 || k == 0) return MatrixFailure{};
    if (lower && unit) solve_in_place<Eigen::UnitLower>(t, x, transposed);
    if (lower && !unit) solve_in_place<Eigen::Lower>(t, x, transposed);
    if (!lower && unit) solve_in_place<Eigen::UnitUpper>(t, x, transposed);
    if (!lower && !unit) solve_in_place<Eigen::Upper>(t, x, transposed);
    return MatrixFailure{};
  });
}

}  // namespace bitale::library
