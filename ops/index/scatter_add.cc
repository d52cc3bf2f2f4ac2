#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(3);
  require_rank(args, 0, 3);
  require_rank(args, 1, 1);
  require_rank(args, 2, 3);
  args.require(args.type(1).dtype == DType::i64, "indices must be int64");
  args.require(args.type(0).dtype == args.type(2).dtype, "updates must have the dtype of what they are added to");
  args.require(args.type(0).dtype != DType::bool_, "bools do not add");
  const Shape &x = args.type(0).shape, &indices = args.type(1).shape, &updates = args.type(2).shape;
  args.unify(updates[0], x[0], "outer extents of updates and operand");
  args.unify(updates[1], indices[0], "there must be one update per index");
  args.unify(updates[2], x[2], "inner extents of updates and operand");
  require_rows(args, x[1], indices[0]);
  return {args.type(0)};
}

std::vector<Tensor> batch(const Batch& v) {
  const Tensor x = with_batch_axis(v, 0), updates = with_batch_axis(v, 2), indices = v.inputs[1];
  const Dim &outer = x.dim(1), &rows = x.dim(2), &inner = x.dim(3), &count = updates.dim(2);
  if (!v.batched[1]) {
    const Tensor out =
        apply1(scatter_add_op, v.node.params(),
               {reshape(x, {v.size * outer, rows, inner}), indices, reshape(updates, {v.size * outer, count, inner})});
    return {reshape(out, x.shape())};
  }
  const Tensor all_x = reshape(move_axis(x, 0, 1), {outer, v.size * rows, inner});
  const Tensor all_updates = reshape(move_axis(updates, 0, 1), {outer, v.size * count, inner});
  const Tensor out =
      apply1(scatter_add_op, v.node.params(),
             {all_x, reshape(rows_of_all(indices, rows, v.node.op().name), {v.size * count}), all_updates});
  return {move_axis(reshape(out, {outer, v.size, rows, inner}), 1, 0)};
}

void reference(const Reference& r) {
  const Extents& shape = r.inputs[0].shape();
  const std::int64_t outer = shape[0], rows = shape[1], inner = shape[2], count = r.inputs[1].size();
  dispatch(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = r.inputs[0].view<T>(), updates = r.inputs[2].view<T>();
    const auto out = r.outputs[0].view<T>();
    for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i];
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t k = 0; k < count; ++k)
        for (std::int64_t i = 0; i < inner; ++i) {
          T& to = out[static_cast<std::size_t>((o * rows + reference_row(r.node, r.inputs[1], k, rows)) * inner + i)];
          to = static_cast<T>(to + updates[static_cast<std::size_t>((o * count + k) * inner + i)]);
        }
  });
}

std::vector<Sample> samples() {
  const auto build = [](int axis) {
    return [axis](std::span<const Tensor> in) {
      const Dim& n = in[0].dim(axis < 0 ? axis + in[0].rank() : axis);
      return std::vector{scatter_add(in[0], sample_indices(in[1], n), in[2], axis)};
    };
  };
  return {
      {"rows", {{{4, 3}}, index_input({9}, DType::i64), {{9, 3}}}, build(0)},
      {"vector", {{{5}}, index_input({3}, DType::i32), {{3}}}, build(0)},
      {"last axis", {{{2, 3}}, index_input({2, 2}, DType::i64), {{2, 2, 2}}}, build(-1)},
      {"middle axis", {{{2, 3, 2}}, index_input({5}, DType::i16), {{2, 5, 2}}}, build(1)},
      {"one row", {{{3, 2}}, index_input({}, DType::i64), {{2}}}, build(0)},
      {"one update for all", {{{3, 2}}, index_input({4}, DType::i64), {{}}}, build(0)},
      {"no indices", {{{3, 2}}, index_input({0}, DType::i64), {{0, 2}}}, build(0)},
      {"no rows", {{{0, 2}}, index_input({0}, DType::i64), {{0, 2}}}, build(0)},
  };
}

}  // namespace

// scatter_add(x [outer, rows, inner], int64 indices [count], updates [outer, count, inner]) -> x with updates[:, k, :]
// added to row indices[k], for all k; indices may repeat. Lowers to the library's scatter_add, which adds in order of
// k: results are deterministic. The builder takes x, indices and updates of any rank, updates of shape x.shape[:axis] +
// indices.shape + x.shape[axis+1:] or one that broadcasts to it. Errors: operands that do not fit, bools; out of range
// indices: index.h.
const OpDef scatter_add_op{
    .name = "scatter_add",
    .doc = "scatter_add(x, indices, updates, axis): x with updates added at rows; duplicates accumulate",
    .type = type_rule,
    .library = "scatter_add",
    .library_extents =
        [](const Node& n) {
          const Shape& x = n.type().shape;
          return std::vector<Dim>{x[0], x[1], x[2], n.input(1).dim(0)};
        },
    .library_integers = [](const Node& n) { return std::vector{static_cast<std::int64_t>(n.type().dtype)}; },
    .vjp = [](const Vjp& v) { return std::vector{v.dy(), Tensor{}, gather(v.dy(), v.in(1), 1)}; },
    .jvp =
        [](const Jvp& v) {
          if (!v.dx(0) && !v.dx(2)) return std::vector<Tensor>(1);
          const Tensor dx = v.dx(0) ? v.dx(0) : zeros_like(v.in(0)), updates = v.dx(2) ? v.dx(2) : zeros_like(v.in(2));
          return std::vector{apply1(v.node.op(), v.node.params(), {dx, v.in(1), updates})};
        },
    .batch = batch,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(NoParams{}); },
};

Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, SourceLine line) {
  const auto a = static_cast<std::size_t>(normal_axis("scatter_add", axis, x.rank(), line));
  const auto middle = x.shape().begin() + static_cast<std::ptrdiff_t>(a);
  if (!is_integer(indices.dtype()))
    throw Error("scatter_add: indices must be integers, got " + describe(indices) +
                (line ? ", at " + to_string(line) : ""));
  const Shape before(x.shape().begin(), middle), after(middle + 1, x.shape().end());
  Shape expected = before;
  expected.insert(expected.end(), indices.shape().begin(), indices.shape().end());
  expected.insert(expected.end(), after.begin(), after.end());
  const Dim outer = product(before), inner = product(after), count = product(indices.shape());
  const Tensor flat =
      apply1(scatter_add_op, make_params(NoParams{}),
             {reshape(x, {outer, x.shape()[a], inner}, line), reshape(ir::cast(indices, DType::i64), {count}, line),
              reshape(broadcast_to(updates, expected, line), {outer, count, inner}, line)},
             line);
  return reshape(flat, x.shape(), line);
}

}  // namespace bitale::ops
