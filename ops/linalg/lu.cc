#include <cmath>

#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

// The rows of x in the order of `rows`, and back.
Tensor exchange(const Tensor& rows, const Tensor& x, bool back) {
  const Shape shape = batched_shape(x, {rows_of(x), rows_of(x)});
  const Tensor which = broadcast_to(expand_dims(rows, rows.rank()), shape);  // [..., i, j]: rows[i]
  const Tensor p = cast(equal(which, iota(DType::i64, shape, static_cast<int>(shape.size()) - 1)), x.dtype());
  return times(back ? transposed(p) : p, x);
}

Tensor unit_lower(const Tensor& packed) { return lower_part(packed, false) + identity_like(packed); }

Tensor solve_by(const Tensor& packed, const Tensor& b, bool lower, bool transposed) {
  return triangular_solve(packed, b, {.lower = lower, .transposed = transposed, .unit_diagonal = lower});
}

// With D = l^T dl below the diagonal and du u^T above it and on it: P da = l^-T D u^-T.
std::vector<Tensor> vjp(const Vjp& v) {
  if (!v.dy(0)) return std::vector<Tensor>(1);
  const Tensor packed = v.out(0), l = unit_lower(packed), u = upper_part(packed, true);
  const Tensor dl = lower_part(v.dy(0), false), du = upper_part(v.dy(0), true);
  const Tensor d = lower_part(times(transposed(l), dl), false) + upper_part(times(du, transposed(u)), true);
  const Tensor left = solve_by(packed, d, true, true);
  const Tensor both = transposed(solve_by(packed, transposed(left), false, false));
  return {exchange(v.out(1), both, true)};
}

// With S = l^-1 P da u^-1: dl = l * (S below the diagonal), du = (the rest of S) * u.
std::vector<Tensor> jvp(const Jvp& v) {
  if (!v.dx(0)) return std::vector<Tensor>(2);
  const Tensor packed = v.out(0), l = unit_lower(packed), u = upper_part(packed, true);
  const Tensor left = solve_by(packed, exchange(v.out(1), v.dx(0), false), true, false);
  const Tensor s = transposed(solve_by(packed, transposed(left), false, true));
  return {times(l, lower_part(s, false)) + times(upper_part(s, true), u), Tensor()};
}

// Doolittle: row by row, with the largest pivot of the column.
std::vector<Dense> factors(const std::vector<Dense>& in) {
  const std::int64_t n = in[0].rows;
  Dense a = in[0], rows(n, 1);
  for (std::int64_t i = 0; i < n; ++i) rows(i, 0) = static_cast<long double>(i);
  if (!a.finite()) return {Dense::nan(n, n), rows};
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::fabs(a(i, k)) > std::fabs(a(pivot, k))) pivot = i;
    for (std::int64_t j = 0; j < n; ++j) std::swap(a(k, j), a(pivot, j));
    std::swap(rows(k, 0), rows(pivot, 0));
    if (a(k, k) == 0) continue;
    for (std::int64_t i = k + 1; i < n; ++i) {
      a(i, k) /= a(k, k);
      for (std::int64_t j = k + 1; j < n; ++j) a(i, j) -= a(i, k) * a(k, j);
    }
  }
  return {a, rows};
}

std::vector<Sample> samples() {
  const auto build = [](std::span<const Tensor> x) {
    const Lu f = lu(x[0]);
    return std::vector{f.lower, f.upper, f.rows};
  };
  const auto regular_build = [build](std::span<const Tensor> x) {
    const Tensor a[] = {regular(x[0])};
    return build(a);
  };
  return {
      {"matrix", {uniform({3, 3})}, regular_build},
      {"rows that change places", {uniform({2, 4, 4})}, build, 1000},
      {"batch", {uniform({2, 5, 5})}, regular_build, 10},
  };
}

}  // namespace

const OpDef lu_factors_op{
    .name = "lu_factors",
    .doc =
        "lu(a): the factors of square a by Gaussian elimination with row exchanges: row i of lower upper is row "
        "rows[i] of a; a singular a has zeros on upper's diagonal and no gradient; not finite: NaN",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          require_square(args, 0);
          const Shape& shape = args.type(0).shape;
          return std::vector<TensorType>{args.type(0), {DType::i64, Shape(shape.begin(), shape.end() - 1)}};
        },
    .library = "lu_factors",
    .library_extents = [](const Node& n) { return library_extents(n.input(0), {columns_of(n.input(0))}); },
    .library_integers = dtype_integers,
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch_elementwise,
    .reference = [](const Reference& r) { for_each_matrix(r, factors); },
    .samples = samples,
};

std::vector<TensorType> factored_type(const TypeArgs& args) {
  args.require_count(3);
  require_square(args, 0);
  require_square(args, 1);
  require_same_batch(args, 0, 2, 1, 2);
  require_same_batch(args, 0, 1, 2, 0);
  args.unify(rows_of(args.input(0)), rows_of(args.input(1)), "the factors are of another matrix");
  args.require(args.type(1).dtype == args.type(0).dtype && args.type(2).dtype == DType::i64,
               "factors must have the dtype of the matrix, and rows int64");
  return {args.type(0)};
}

LuFactors factor_lu(const Tensor& a, SourceLine line) {
  const auto out = apply(lu_factors_op, nullptr, {a}, line);
  return {out[0], out[1]};
}

Lu lu(const Tensor& a, SourceLine line) {
  const LuFactors f = factor_lu(as_matrices(lu_factors_op, a, line), line);
  return {f.rows, unit_lower(f.packed), upper_part(f.packed, true)};
}

}  // namespace bitale::ops
