#include <cmath>

#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

// One number per matrix as a factor of its elements.
Tensor per_matrix(const Tensor& x) { return expand_dims(expand_dims(x, x.rank()), x.rank() + 1); }

Tensor inverse_of(const Node& n) { return inverse_factored(n.input(0), {n.input(1), n.input(2)}); }

// The tangent of log |det a|: the trace of a^-1 da.
Tensor log_tangent(const Node& n, const Tensor& da) {
  return sum(transposed(inverse_of(n)) * da, {da.rank() - 2, da.rank() - 1});
}

TensorType number_type(const TypeArgs& args) { return {args.type(0).dtype, batch_of(args.input(0))}; }

std::vector<Dim> extents(const Node& n) { return library_extents(n.input(0), {columns_of(n.input(0))}); }

Samples matrix_samples(const std::function<std::vector<Tensor>(const Tensor&)>& f) {
  return [f] {
    const auto build = [f](std::span<const Tensor> x) { return f(regular(x[0])); };
    return std::vector<Sample>{
        {"matrix", {uniform({3, 3})}, build},
        {"negative",
         {uniform({4, 4})},
         [f](std::span<const Tensor> x) {
           return f(concat({slice(regular(x[0]), {1, 0}, {x[0].dim(0) - 1, x[0].dim(1)}, {1, 1}),
                            slice(regular(x[0]), {0, 0}, {1, x[0].dim(1)}, {1, 1})},
                           0));
         }},
        {"batch", {uniform({2, 5, 5})}, build, 4},
        {"any", {uniform({3, 2, 2})}, [f](std::span<const Tensor> x) { return f(x[0]); }, 1000},
    };
  };
}

}  // namespace

const OpDef det_op{
    .name = "det",
    .doc =
        "det(a): the determinant of square a, by LU; 1 for no rows; the gradient, det(a) a^-T, is a data error where "
        "a is singular",
    .type =
        [](const TypeArgs& args) {
          factored_type(args);
          return std::vector{number_type(args)};
        },
    .library = "lu_det",
    .library_extents = extents,
    .library_integers = dtype_integers,
    .vjp =
        [](const Vjp& v) {
          return std::vector{per_matrix(v.dy() * v.out()) * transposed(inverse_of(v.node)), Tensor(), Tensor()};
        },
    .jvp = [](const Jvp& v) { return std::vector{v.dx(0) ? v.out() * log_tangent(v.node, v.dx(0)) : Tensor()}; },
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for_each_matrix(r, [](const std::vector<Dense>& in) {
            Dense d(1, 1);
            d(0, 0) = reference_det(in[0]);
            return std::vector{d};
          });
        },
    .samples = matrix_samples([](const Tensor& a) { return std::vector{det(a)}; }),
};

const OpDef slogdet_op{
    .name = "slogdet",
    .doc =
        "slogdet(a): the determinant of square a as its sign and the log of its size, which do not overflow; 0 and "
        "-inf for a singular a, where the gradient is a data error; log(det(a)) becomes this",
    .type =
        [](const TypeArgs& args) {
          factored_type(args);
          return std::vector{number_type(args), number_type(args)};
        },
    .library = "lu_slogdet",
    .library_extents = extents,
    .library_integers = dtype_integers,
    .vjp =
        [](const Vjp& v) {
          if (!v.dy(1)) return std::vector<Tensor>(3);
          return std::vector{per_matrix(v.dy(1)) * transposed(inverse_of(v.node)), Tensor(), Tensor()};
        },
    .jvp =
        [](const Jvp& v) {
          if (!v.dx(0)) return std::vector<Tensor>(2);
          return std::vector{Tensor(), log_tangent(v.node, v.dx(0))};
        },
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for_each_matrix(r, [](const std::vector<Dense>& in) {
            const long double d = reference_det(in[0]);
            Dense sign(1, 1), log(1, 1);
            sign(0, 0) = std::isnan(d) ? d : d > 0 ? 1.0L : d < 0 ? -1.0L : 0.0L;
            log(0, 0) = std::log(std::fabs(d));
            return std::vector{sign, log};
          });
        },
    .samples = matrix_samples([](const Tensor& a) {
      const Slogdet d = slogdet(a);
      return std::vector{d.sign, d.log};
    }),
};

Tensor det(const Tensor& a, SourceLine line) {
  const Tensor x = as_matrices(det_op, a, line);
  require_square_operand(det_op, x, line);
  const LuFactors f = factor_lu(x, line);
  return apply1(det_op, nullptr, {x, f.packed, f.rows}, line);
}

Slogdet slogdet(const Tensor& a, SourceLine line) {
  const Tensor x = as_matrices(slogdet_op, a, line);
  require_square_operand(slogdet_op, x, line);
  const LuFactors f = factor_lu(x, line);
  const auto out = apply(slogdet_op, nullptr, {x, f.packed, f.rows}, line);
  return {out[0], out[1]};
}

}  // namespace bitale::ops
