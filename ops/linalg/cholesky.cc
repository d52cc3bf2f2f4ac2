#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

// The lower triangle with half of the diagonal: what a symmetric matrix leaves of itself in a triangular tangent.
Tensor half_lower(const Tensor& x) { return lower_part(x, false) + diagonal_matrix(diagonal_of(x) * 0.5); }

Tensor solve_with(const Tensor& l, const Tensor& b, bool transpose_l) {
  return triangular_solve(l, b, {.lower = true, .transposed = transpose_l});
}

std::vector<Sample> samples() {
  const auto build = [](auto x) { return cholesky(positive_definite(x[0])); };
  return {
      sample("matrix", {uniform({3, 3})}, build, 4),
      sample("batch", {uniform({2, 4, 4})}, build, 4),
      sample("three by five", {uniform({5, 5})}, build, 8),
      sample("two batch axes", {uniform({2, 3, 2, 2})}, build, 4),
  };
}

}  // namespace

// cholesky(a) -> l, lower triangular with positive diagonal, l l^T = a. With P the lower half of l^T dl (diagonal
// halved): da = sym(l^-T P l^-1); tangent l half(l^-1 da l^-T).
const OpDef cholesky_op{
    .name = "cholesky",
    .doc =
        "cholesky(a): lower triangular l with l l^T = a, for symmetric positive definite a, of which the lower "
        "triangle is read; else a data error; the gradient is symmetric; not finite: NaN",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          require_square(args, 0);
          return std::vector{args.type(0)};
        },
    .library = "cholesky",
    .library_extents = [](const Node& n) { return library_extents(n.input(0), {columns_of(n.input(0))}); },
    .library_integers = dtype_integers,
    .vjp =
        [](const Vjp& v) {
          const Tensor l = v.out();
          const Tensor p = half_lower(times(transposed(l), lower_part(v.dy(), true)));
          const Tensor s = solve_with(l, transposed(solve_with(l, p, true)), true);
          return std::vector{symmetric_part(s)};
        },
    .jvp =
        [](const Jvp& v) {
          if (!v.dx(0)) return std::vector<Tensor>(1);
          const Tensor l = v.out();
          const Tensor s = solve_with(l, transposed(solve_with(l, symmetric_part(v.dx(0)), false)), false);
          return std::vector{times(l, half_lower(s))};
        },
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for_each_matrix(r, [](const auto& in) { return std::vector{reference_cholesky(in[0])}; });
        },
    .samples = samples,
};

Tensor cholesky(const Tensor& a, SourceLine line) {
  return apply1(cholesky_op, nullptr, {as_matrices(cholesky_op, a, line)}, line);
}

}  // namespace bitale::ops
