#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

// inverse(a, factors): with x the result, da = -x^T dx x^T; tangent -x da x.
const OpDef inverse_op{
    .name = "inverse",
    .doc =
        "inverse(a): of square a, by LU; an exactly singular one is a data error; not finite: NaN. dot(inverse(a), "
        "b) becomes solve(a, b)",
    .type = factored_type,
    .library = "lu_inverse",
    .library_extents = [](const Node& n) { return library_extents(n.input(0), {columns_of(n.input(0))}); },
    .library_integers = dtype_integers,
    .vjp =
        [](const Vjp& v) {
          const Tensor t = transposed(v.out());
          return std::vector{-times(times(t, v.dy()), t), Tensor(), Tensor()};
        },
    .jvp =
        [](const Jvp& v) {
          const Tensor x = v.out();
          return std::vector{v.dx(0) ? -times(times(x, v.dx(0)), x) : Tensor()};
        },
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for_each_matrix(r, [](const std::vector<Dense>& in) {
            return std::vector{reference_solve(in[0], Dense::identity(in[0].rows))};
          });
        },
    .samples =
        [] {
          const auto build = [](auto x) { return inverse(regular(x[0])); };
          return std::vector<Sample>{
              sample("matrix", {uniform({3, 3})}, build),
              sample("rows that change places", {uniform({4, 4})},
                     [](auto x) { return inverse(flip(regular(x[0]), {0})); }),
              sample("batch", {uniform({2, 5, 5})}, build, 4),
          };
        },
};

Tensor inverse_factored(const Tensor& a, const LuFactors& f, SourceLine line) {
  return apply1(inverse_op, nullptr, {a, f.packed, f.rows}, line);
}

Tensor inverse(const Tensor& a, SourceLine line) {
  const Tensor x = as_matrices(inverse_op, a, line);
  require_square_operand(inverse_op, x, line);
  return inverse_factored(x, factor_lu(x, line), line);
}

}  // namespace bitale::ops
