#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

struct TriangularParams {
  bool lower = true, transposed = false, unit_diagonal = false;
  bool operator==(const TriangularParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("lower", lower);
    v("transposed", transposed);
    v("unit_diagonal", unit_diagonal);
  }
};

Tensor solve_node(const Tensor& a, const Tensor& b, const TriangularParams& p, SourceLine line = {}) {
  return apply1(triangular_solve_op, make_params(p), {a, b}, line);
}

TriangularParams flipped(TriangularParams p) {
  p.transposed = !p.transposed;
  return p;
}

// What of x the op reads as a.
Tensor read_part(const Tensor& x, const TriangularParams& p) {
  return p.lower ? lower_part(x, !p.unit_diagonal) : upper_part(x, !p.unit_diagonal);
}

// With t the triangular matrix or its transpose, t x = b: db = t^-T dx, dt = -db x^T, of what is read.
std::vector<Tensor> vjp(const Vjp& v) {
  const auto& p = v.node.params_as<TriangularParams>();
  const Tensor db = solve_node(v.in(0), v.dy(), flipped(p));
  const Tensor da = p.transposed ? times(v.out(), transposed(db)) : times(db, transposed(v.out()));
  return {read_part(-da, p), db};
}

std::vector<Tensor> jvp(const Jvp& v) {
  const auto& p = v.node.params_as<TriangularParams>();
  Tensor right = v.dx(1);
  if (v.dx(0)) {
    const Tensor part = read_part(v.dx(0), p), dt = p.transposed ? transposed(part) : part;
    right = accumulate(right, -times(dt, v.out()));
  }
  return {right ? solve_node(v.in(0), right, p) : Tensor()};
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<TriangularParams>();
  for_each_matrix(r, [&](const std::vector<Dense>& in) {
    const std::int64_t n = in[0].rows;
    Dense t(n, n);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        if (p.lower ? j <= i : j >= i) t(i, j) = i == j && p.unit_diagonal ? 1 : in[0](i, j);
    for (std::int64_t i = 0; i < n; ++i)
      if (t(i, i) == 0) fail_matrix(ErrorCode::singular, i, 0);
    if (p.transposed) t = transpose(t);
    const bool forward = p.lower != p.transposed;
    Dense x = in[1];
    for (std::int64_t c = 0; c < x.columns; ++c)
      for (std::int64_t step = 0; step < n; ++step) {
        const std::int64_t i = forward ? step : n - 1 - step;
        for (std::int64_t j = forward ? 0 : i + 1; j < (forward ? i : n); ++j) x(i, c) -= t(i, j) * x(j, c);
        x(i, c) /= t(i, i);
      }
    return std::vector{x};
  });
}

std::vector<Sample> samples() {
  const auto build = [](const TriangularOptions& options) {
    return [options](auto x) { return triangular_solve(regular(x[0]), x[1], options); };
  };
  return {
      sample("lower", {uniform({3, 3}), uniform({3, 2})}, build({})),
      sample("upper", {uniform({4, 4}), uniform({4, 3})}, build({.lower = false})),
      sample("lower transposed", {uniform({3, 3}), uniform({3, 2})}, build({.transposed = true})),
      sample("upper transposed", {uniform({3, 3}), uniform({3, 2})}, build({.lower = false, .transposed = true})),
      sample("unit diagonal", {uniform({2, 3, 3}), uniform({2, 3, 2})}, build({.unit_diagonal = true})),
      sample("unit diagonal, upper", {uniform({3, 3}), uniform({3, 2})},
             build({.lower = false, .unit_diagonal = true})),
      sample("unit diagonal, upper transposed", {uniform({3, 3}), uniform({3, 2})},
             build({.lower = false, .transposed = true, .unit_diagonal = true})),
      sample("vector", {uniform({5, 5}), uniform({5})}, build({})),
      sample("right sides of a batch", {uniform({3, 3}), uniform({2, 3, 4})}, build({})),
      sample("batches that broadcast", {uniform({2, 1, 3, 3}), uniform({4, 3, 2})}, build({})),
  };
}

}  // namespace

// triangular_solve(a, b; lower, transposed, unit_diagonal) -> x with t x = b, t the lower or upper triangle of a or its
// transpose. The other triangle, and with unit_diagonal the diagonal, is not read and has gradient 0.
const OpDef triangular_solve_op{
    .name = "triangular_solve",
    .doc =
        "triangular_solve(a, b, {lower, transposed, unit_diagonal}): x with t x = b, t one triangle of a or its "
        "transpose; b a vector or matrices; a 0 on the diagonal is a data error",
    .type =
        [](const TypeArgs& args) {
          args.require_count(2);
          require_square(args, 0);
          require_matrix(args, 1);
          args.require(args.type(0).dtype == args.type(1).dtype, "operands must have one dtype");
          require_same_batch(args, 0, 2, 1, 2);
          args.unify(rows_of(args.input(0)), rows_of(args.input(1)),
                     "right sides must have as many rows as the matrix");
          return std::vector{args.type(1)};
        },
    .library = "triangular_solve",
    .library_extents =
        [](const Node& n) { return library_extents(n.input(0), {columns_of(n.input(0)), columns_of(n.input(1))}); },
    .library_integers =
        [](const Node& n) {
          const auto& p = n.params_as<TriangularParams>();
          return std::vector<std::int64_t>{static_cast<std::int64_t>(n.input(0).dtype()), p.lower, p.transposed,
                                           p.unit_diagonal};
        },
    .vjp = vjp,
    .jvp = jvp,
    .batch =
        [](const Batch& b) {
          if (b.batched[0] || b.node.input(0).rank() > 2) return batch_elementwise(b);
          return std::vector{
              for_right_sides(triangular_solve_op, b.inputs[0], b.inputs[1], {}, [&](const Tensor& x, const Tensor& y) {
                return solve_node(x, y, b.node.params_as<TriangularParams>());
              })};
        },
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(TriangularParams{}); },
};

Tensor triangular_solve(const Tensor& a, const Tensor& b, const TriangularOptions& o, SourceLine line) {
  return for_right_sides(triangular_solve_op, a, b, line, [&](const Tensor& x, const Tensor& y) {
    return solve_node(x, y, {o.lower, o.transposed, o.unit_diagonal}, line);
  });
}

}  // namespace bitale::ops
