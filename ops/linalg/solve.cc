#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args, int count) {
  args.require_count(count);
  require_square(args, 0);
  require_matrix(args, 1);
  require_square(args, 2);
  args.require(args.type(0).dtype == args.type(1).dtype && args.type(0).dtype == args.type(2).dtype,
               "operands must have one dtype");
  require_same_batch(args, 0, 2, 1, 2);
  require_same_batch(args, 0, 2, 2, 2);
  args.unify(rows_of(args.input(0)), rows_of(args.input(1)), "right sides must have as many rows as the matrix");
  args.unify(rows_of(args.input(0)), rows_of(args.input(2)), "the factors are of another matrix");
  return {args.type(1)};
}

std::vector<Dim> extents(const Node& n) {
  return library_extents(n.input(0), {columns_of(n.input(0)), columns_of(n.input(1))});
}

bool is_transposed(const Node& n) { return n.params_as<SolveParams>().transposed; }

LuFactors factors_of(const Node& n) { return {n.input(2), n.input(3)}; }

// db = a^-T dx, da = -db x^T; of a^T x = b the same with a^T for a.
std::vector<Tensor> vjp(const Vjp& v) {
  const bool t = is_transposed(v.node);
  const Tensor db = solve_factored(v.in(0), v.dy(), factors_of(v.node), !t), x = v.out();
  return {-(t ? times(x, transposed(db)) : times(db, transposed(x))), db, Tensor(), Tensor()};
}

std::vector<Tensor> jvp(const Jvp& v) {
  const bool t = is_transposed(v.node);
  Tensor right = v.dx(1);
  if (v.dx(0)) right = accumulate(right, -times(t ? transposed(v.dx(0)) : v.dx(0), v.out()));
  return {right ? solve_factored(v.in(0), right, factors_of(v.node), t) : Tensor()};
}

std::vector<Tensor> batch(const Batch& b) {
  if (b.batched[0] || b.batched[2] || b.node.input(0).rank() > 2) return batch_elementwise(b);
  return {for_right_sides(b.node.op(), b.inputs[0], b.inputs[1], {}, [&](const Tensor& a, const Tensor& side) {
    std::vector<Tensor> inputs =
        b.inputs.size() == 4 ? std::vector{a, side, b.inputs[2], b.inputs[3]} : std::vector{a, side, b.inputs[2]};
    return apply1(b.node.op(), b.node.params(), std::move(inputs));
  })};
}

void reference(const Reference& r) {
  const bool t = &r.node.op() == &solve_op && is_transposed(r.node);
  for_each_matrix(r, [&](const std::vector<Dense>& in) {
    return std::vector{reference_solve(t ? transpose(in[0]) : in[0], in[1])};
  });
}

std::vector<Sample> samples() {
  const auto build = [](auto x) { return solve(regular(x[0]), x[1]); };
  return {
      sample("matrix", {uniform({3, 3}), uniform({3, 2})}, build),
      sample("vector", {uniform({4, 4}), uniform({4})}, build),
      sample("rows that change places", {uniform({3, 3}), uniform({3, 2})},
             [](auto x) { return solve(flip(regular(x[0]), {0}), x[1]); }),
      sample("batch", {uniform({2, 3, 3}), uniform({2, 3, 2})}, build),
      sample("right sides of a batch", {uniform({3, 3}), uniform({2, 3, 4})}, build),
      sample("batches that broadcast", {uniform({2, 1, 5, 5}), uniform({3, 5, 1})}, build, 4),
      sample("vector for a batch", {uniform({2, 3, 3}), uniform({3})}, build),
      sample("transposed", {uniform({3, 3}), uniform({3, 2})},
             [](auto x) {
               const Tensor a = regular(flip(x[0], {1}));
               return solve_factored(a, x[1], factor_lu(a), true);
             }),
  };
}

std::vector<Sample> positive_definite_samples() {
  const auto build = [](auto x) { return solve(positive_definite(x[0]), x[1], true); };
  return {
      sample("matrix", {uniform({3, 3}), uniform({3, 2})}, build, 4),
      sample("vector", {uniform({4, 4}), uniform({4})}, build, 4),
      sample("batch", {uniform({2, 5, 5}), uniform({2, 5, 2})}, build, 8),
      sample("right sides of a batch", {uniform({3, 3}), uniform({2, 3, 4})}, build, 4),
  };
}

Tensor solve_definite(const Tensor& a, const Tensor& b, const Tensor& l, SourceLine line = {}) {
  return apply1(solve_positive_definite_op, nullptr, {a, b, l}, line);
}

}  // namespace

const OpDef solve_op{
    .name = "solve",
    .doc =
        "solve(a, b): x with a x = b for square a, by LU with row exchanges; b a vector or matrices; an exactly "
        "singular a is a data error; not finite: NaN",
    .type =
        [](const TypeArgs& args) {
          auto types = type_rule(args, 4);
          args.require(args.type(3).dtype == DType::i64, "rows must be int64");
          require_same_batch(args, 0, 1, 3, 0);
          return types;
        },
    .library = "lu_solve",
    .library_extents = extents,
    .library_integers =
        [](const Node& n) {
          return std::vector<std::int64_t>{static_cast<std::int64_t>(n.input(0).dtype()), is_transposed(n)};
        },
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(SolveParams{}); },
};

// By the Cholesky factor l of a, the third operand. The gradient by a is symmetric, as that of cholesky.
const OpDef solve_positive_definite_op{
    .name = "solve_positive_definite",
    .doc =
        "solve(a, b, positive_definite): the same for symmetric positive definite a, of which the lower triangle is "
        "read, by its Cholesky factor, in half the time; another a is a data error",
    .type = [](const TypeArgs& args) { return type_rule(args, 3); },
    .library = "cholesky_solve",
    .library_extents = extents,
    .library_integers = dtype_integers,
    .vjp =
        [](const Vjp& v) {
          const Tensor db = solve_definite(v.in(0), v.dy(), v.in(2));
          return std::vector{-symmetric_part(times(db, transposed(v.out()))), db, Tensor()};
        },
    .jvp =
        [](const Jvp& v) {
          Tensor right = v.dx(1);
          if (v.dx(0)) right = accumulate(right, -times(symmetric_part(v.dx(0)), v.out()));
          return std::vector{right ? solve_definite(v.in(0), right, v.in(2)) : Tensor()};
        },
    .batch = batch,
    .reference = reference,
    .samples = positive_definite_samples,
};

Tensor solve_factored(const Tensor& a, const Tensor& b, const LuFactors& f, bool transposed, SourceLine line) {
  return apply1(solve_op, make_params(SolveParams{transposed}), {a, b, f.packed, f.rows}, line);
}

Tensor solve(const Tensor& a, const Tensor& b, bool positive_definite, SourceLine line) {
  const OpDef& op = positive_definite ? solve_positive_definite_op : solve_op;
  return for_right_sides(op, a, b, line, [&](const Tensor& x, const Tensor& y) {
    return positive_definite ? solve_definite(x, y, cholesky(x, line), line)
                             : solve_factored(x, y, factor_lu(x, line), false, line);
  });
}

}  // namespace bitale::ops
