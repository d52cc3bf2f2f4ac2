#include "compiler/prim/samples.h"
#include "ops/api/checks.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

Tensor lstsq_node(const Tensor& a, const Tensor& b, SourceLine line = {}) {
  return apply1(lstsq_op, nullptr, {a, b}, line);
}

// (a^T a)^-1 x, by the triangular factor of a.
Tensor solve_normal(const Tensor& a, const Tensor& x) {
  const Tensor r = qr(a).r;
  return triangular_solve(r, triangular_solve(r, x, {.lower = false, .transposed = true}), {.lower = false});
}

// With g = (a^T a)^-1 dx and the rest e = b - a x: db = a g, da = e g^T - db x^T.
std::vector<Tensor> vjp(const Vjp& v) {
  const Tensor &a = v.in(0), &b = v.in(1), x = v.out();
  const Tensor g = solve_normal(a, v.dy()), db = times(a, g), rest = b - times(a, x);
  return {times(rest, transposed(g)) - times(db, transposed(x)), db};
}

// dx = a^+ (db - da x) + (a^T a)^-1 da^T e.
std::vector<Tensor> jvp(const Jvp& v) {
  const Tensor &a = v.in(0), &b = v.in(1), x = v.out();
  Tensor right = v.dx(1), dx;
  if (v.dx(0)) {
    right = accumulate(right, -times(v.dx(0), x));
    dx = solve_normal(a, times(transposed(v.dx(0)), b - times(a, x)));
  }
  return {right ? accumulate(dx, lstsq_node(a, right)) : Tensor()};
}

std::vector<Sample> samples() {
  const auto build = [](auto x) { return lstsq(full_rank(x[0]), x[1]); };
  return {
      sample("matrix", {uniform({4, 3}), uniform({4, 2})}, build, 10),
      sample("vector", {uniform({5, 2}), uniform({5})}, build, 10),
      sample("square", {uniform({3, 3}), uniform({3, 2})}, build, 10),
      sample("batch", {uniform({2, 4, 2}), uniform({2, 4, 3})}, build, 10),
      sample("right sides of a batch", {uniform({4, 2}), uniform({3, 4, 1})}, build, 10),
  };
}

}  // namespace

const OpDef lstsq_op{
    .name = "lstsq",
    .doc =
        "lstsq(a, b): x with the least |a x - b|, for a with independent columns (else a data error), by QR; b a "
        "vector or matrices; not finite: NaN",
    .type =
        [](const TypeArgs& args) {
          args.require_count(2);
          require_matrix(args, 0);
          require_matrix(args, 1);
          args.require(args.type(0).dtype == args.type(1).dtype, "operands must have one dtype");
          require_same_batch(args, 0, 2, 1, 2);
          args.unify(rows_of(args.input(0)), rows_of(args.input(1)),
                     "right sides must have as many rows as the matrix");
          require_at_least(args, rows_of(args.input(0)), columns_of(args.input(0)),
                           "the matrices must not be wider than high (dot(pinv(a), b) solves those too)");
          return std::vector<TensorType>{
              {args.type(0).dtype,
               batched_shape(args.input(0), {columns_of(args.input(0)), columns_of(args.input(1))})}};
        },
    .library = "lstsq",
    .library_extents =
        [](const Node& n) {
          return library_extents(n.input(0), {rows_of(n.input(0)), columns_of(n.input(0)), columns_of(n.input(1))});
        },
    .library_integers = dtype_integers,
    .vjp = vjp,
    .jvp = jvp,
    .batch =
        [](const Batch& b) {
          if (b.batched[0] || b.node.input(0).rank() > 2) return batch_elementwise(b);
          return std::vector{for_right_sides(lstsq_op, b.inputs[0], b.inputs[1], {},
                                             [](const Tensor& x, const Tensor& y) { return lstsq_node(x, y); })};
        },
    .reference =
        [](const Reference& r) {
          for_each_matrix(r, [](const std::vector<Dense>& in) {
            const Dense t = transpose(in[0]);
            return std::vector{reference_solve(product(t, in[0]), product(t, in[1]))};
          });
        },
    .samples = samples,
};

Tensor lstsq(const Tensor& a, const Tensor& b, SourceLine line) {
  return for_right_sides(lstsq_op, a, b, line,
                         [&](const Tensor& x, const Tensor& y) { return lstsq_node(x, y, line); });
}

}  // namespace bitale::ops
