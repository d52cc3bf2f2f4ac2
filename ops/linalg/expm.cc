#include <cmath>

#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

// The derivative of the exponential at a along e: the upper right block of the exponential of [[a, e], [0, a]].
Tensor derivative(const Tensor& a, const Tensor& e) {
  const Dim& n = columns_of(a);
  const int row = a.rank() - 2, column = a.rank() - 1;
  const Tensor above = concat({a, e}, column), below = concat({zeros_like(a), a}, column);
  const Tensor whole = expm(concat({above, below}, row));
  Shape starts(static_cast<std::size_t>(a.rank()), Dim(0));
  starts.back() = n;
  return slice(whole, starts, a.shape(), std::vector<std::int64_t>(starts.size(), 1));
}

// The series of the matrix over a power of two, squared as often.
Dense exponential(const Dense& a) {
  if (!a.finite()) return Dense::nan(a.rows, a.rows);
  long double norm = 0;
  for (const long double v : a.values) norm += std::fabs(v);
  int halvings = 0;
  for (; norm > 0.5L; norm /= 2) ++halvings;
  Dense x = a;
  for (long double& v : x.values) v = std::ldexp(v, -halvings);
  Dense total = Dense::identity(a.rows), term = total;
  for (int k = 1; k < 30; ++k) {
    term = product(term, x);
    for (std::size_t i = 0; i < term.values.size(); ++i) total.values[i] += term.values[i] /= k;
  }
  for (int k = 0; k < halvings; ++k) total = product(total, total);
  return total;
}

std::vector<Sample> samples() {
  const auto build = [](auto x) { return expm(x[0]); };
  return {
      sample("matrix", {uniform({3, 3})}, build, 4),
      sample("batch", {uniform({2, 4, 4})}, build, 4),
      sample("large", {uniform({2, 5, 5}, -3, 3)}, build, 40),
      sample(
          "rotation", {uniform({2, 2}, -8, 8)}, [](auto x) { return expm(x[0] - transposed(x[0])); }, 20),
  };
}

}  // namespace

const OpDef expm_op{
    .name = "expm",
    .doc =
        "expm(a): the exponential of square a, 1 + a + a^2/2 + ..., by Pade approximation with scaling and squaring; "
        "not finite: NaN",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          require_square(args, 0);
          return std::vector{args.type(0)};
        },
    .library = "expm",
    .library_extents = [](const Node& n) { return library_extents(n.input(0), {columns_of(n.input(0))}); },
    .library_integers = dtype_integers,
    .vjp = [](const Vjp& v) { return std::vector{derivative(transposed(v.in(0)), v.dy())}; },
    .jvp = [](const Jvp& v) { return std::vector{v.dx(0) ? derivative(v.in(0), v.dx(0)) : Tensor()}; },
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for_each_matrix(r, [](const std::vector<Dense>& in) { return std::vector{exponential(in[0])}; });
        },
    .samples = samples,
};

Tensor expm(const Tensor& a, SourceLine line) {
  const Tensor x = as_matrices(expm_op, a, line);
  require_square_operand(expm_op, x, line);
  return apply1(expm_op, nullptr, {x}, line);
}

}  // namespace bitale::ops
