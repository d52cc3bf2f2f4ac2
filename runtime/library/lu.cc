// LU factors with row exchanges, and what is solved by them. `packed` holds U, and below its diagonal L without its
// ones; row i of L U is row rows[i] of the matrix.
#include <algorithm>
#include <vector>

#include <Eigen/LU>

#include "runtime/library/each_matrix.h"

namespace bitale::library {
namespace {

// Null where one is no row, which no factors have.
const std::int64_t* rows_of(const Arguments& a, std::size_t buffer, std::int64_t number, std::int64_t n) {
  const std::int64_t* rows = static_cast<const std::int64_t*>(a.buffers[buffer]) + number * n;
  const bool fine = std::all_of(rows, rows + n, [n](std::int64_t row) { return row >= 0 && row < n; });
  return fine ? rows : nullptr;
}

// x becomes the solution for the right side b (transposed: of the transposed matrix).
template <class P, class B, class X>
MatrixFailure solve_by(const P& packed, const std::int64_t* rows, const B& b, X& x, bool transposed) {
  const Eigen::Index n = packed.rows();
  if (!rows) return failed(ErrorCode::library);
  for (Eigen::Index i = 0; i < n; ++i)
    if (packed(i, i) == 0) return failed(ErrorCode::singular, i, 0);
  if (n == 0 || x.cols() == 0) return {};
  if (!transposed) {
    for (Eigen::Index i = 0; i < n; ++i) x.row(i) = b.row(rows[i]);
    packed.template triangularView<Eigen::UnitLower>().solveInPlace(x);
    packed.template triangularView<Eigen::Upper>().solveInPlace(x);
    return {};
  }
  Matrix<typename P::Scalar> y = b;
  packed.transpose().template triangularView<Eigen::Lower>().solveInPlace(y);
  packed.transpose().template triangularView<Eigen::UnitUpper>().solveInPlace(y);
  for (Eigen::Index i = 0; i < n; ++i) x.row(rows[i]) = y.row(i);
  return {};
}

// 1 or -1: the determinant of the row exchanges.
double parity(const std::int64_t* rows, std::int64_t n) {
  std::vector<bool> seen(static_cast<std::size_t>(n));
  double sign = 1;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = i, length = 0; !seen[static_cast<std::size_t>(j)]; j = rows[j], ++length) {
      seen[static_cast<std::size_t>(j)] = true;
      if (length > 0) sign = -sign;
    }
  return sign;
}

}  // namespace

int lu_factors(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, n, n);
    auto packed = output<T>(a, 1, number, n, n);
    auto* rows = static_cast<std::int64_t*>(a.buffers[2]) + number * n;
    for (std::int64_t i = 0; i < n; ++i) rows[i] = i;
    if (n == 0) return MatrixFailure{};
    if (!is_finite(x)) {
      packed.setConstant(nan_of<T>);
      return MatrixFailure{};
    }
    const Eigen::PartialPivLU<Matrix<T>> factors(x);
    packed = factors.matrixLU();
    const auto& place = factors.permutationP().indices();  // of each row of x
    for (std::int64_t i = 0; i < n; ++i) rows[place(i)] = i;
    return MatrixFailure{};
  });
}

int lu_solve(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1], k = a.extents[2];
  const bool transposed = a.integers[1] != 0;
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    auto x = output<T>(a, 4, number, n, k);
    return solve_by(input<T>(a, 2, number, n, n), rows_of(a, 3, number, n), input<T>(a, 1, number, n, k), x,
                    transposed);
  });
}

int lu_inverse(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    auto x = output<T>(a, 3, number, n, n);
    const Matrix<T> one = Matrix<T>::Identity(n, n);
    return solve_by(input<T>(a, 1, number, n, n), rows_of(a, 2, number, n), one, x, false);
  });
}

int lu_det(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto packed = input<T>(a, 1, number, n, n);
    const std::int64_t* rows = rows_of(a, 2, number, n);
    if (!rows) return failed(ErrorCode::library);
    double det = parity(rows, n);
    for (std::int64_t i = 0; i < n; ++i) det *= static_cast<double>(packed(i, i));
    static_cast<T*>(a.buffers[3])[number] = static_cast<T>(det);
    return MatrixFailure{};
  });
}

int lu_slogdet(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto packed = input<T>(a, 1, number, n, n);
    const std::int64_t* rows = rows_of(a, 2, number, n);
    if (!rows) return failed(ErrorCode::library);
    double sign = parity(rows, n), logarithm = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double u = static_cast<double>(packed(i, i));
      sign = std::isnan(u) ? u : u == 0 ? 0.0 : u < 0 ? -sign : sign;
      logarithm += std::log(std::abs(u));
    }
    static_cast<T*>(a.buffers[3])[number] = static_cast<T>(sign);
    static_cast<T*>(a.buffers[4])[number] = static_cast<T>(logarithm);
    return MatrixFailure{};
  });
}

}  // namespace bitale::library
