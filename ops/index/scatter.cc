// What scatter_add and scatter_set share.
#include "ops/index/scatter.h"

#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

std::vector<TensorType> scatter_type(const TypeArgs& args) {
  args.require_count(3);
  require_rank(args, 0, 3);
  require_rank(args, 1, 1);
  require_rank(args, 2, 3);
  args.require(args.type(1).dtype == DType::i64, "indices must be int64");
  args.require(args.type(0).dtype == args.type(2).dtype, "updates must have the dtype of what they change");
  const Shape &x = args.type(0).shape, &indices = args.type(1).shape, &updates = args.type(2).shape;
  args.unify(updates[0], x[0], "outer extents of updates and operand");
  args.unify(updates[1], indices[0], "there must be one update per index");
  args.unify(updates[2], x[2], "inner extents of updates and operand");
  require_rows(args, x[1], indices[0]);
  return {args.type(0)};
}

std::vector<Tensor> scatter_batch(const Batch& v) {
  const Tensor x = with_batch_axis(v, 0), updates = with_batch_axis(v, 2), indices = v.inputs[1];
  const Dim &outer = x.dim(1), &rows = x.dim(2), &inner = x.dim(3), &count = updates.dim(2);
  if (!v.batched[1]) {
    const Tensor out =
        apply1(v.node.op(), v.node.params(),
               {reshape(x, {v.size * outer, rows, inner}), indices, reshape(updates, {v.size * outer, count, inner})});
    return {reshape(out, x.shape())};
  }
  const Tensor all_x = reshape(move_axis(x, 0, 1), {outer, v.size * rows, inner});
  const Tensor all_updates = reshape(move_axis(updates, 0, 1), {outer, v.size * count, inner});
  const Tensor out =
      apply1(v.node.op(), v.node.params(),
             {all_x, reshape(rows_of_all(indices, rows, v.node.op().name), {v.size * count}), all_updates});
  return {move_axis(reshape(out, {outer, v.size, rows, inner}), 1, 0)};
}

std::vector<Tensor> scatter_jvp(const Jvp& v) {
  if (!v.dx(0) && !v.dx(2)) return std::vector<Tensor>(1);
  const Tensor dx = v.dx(0) ? v.dx(0) : zeros_like(v.in(0)), updates = v.dx(2) ? v.dx(2) : zeros_like(v.in(2));
  return std::vector{apply1(v.node.op(), v.node.params(), {dx, v.in(1), updates})};
}

std::vector<Dim> scatter_extents(const Node& n) {
  const Shape& x = n.type().shape;
  return {x[0], x[1], x[2], n.input(1).dim(0)};
}

std::vector<std::int64_t> scatter_integers(const Node& n) { return {static_cast<std::int64_t>(n.type().dtype)}; }

std::vector<Sample> scatter_samples(ScatterBuilder build_op) {
  const auto build = [build_op](int axis) {
    return [build_op, axis](std::span<const Tensor> in) {
      const Dim& n = in[0].dim(axis < 0 ? axis + in[0].rank() : axis);
      return std::vector{build_op(in[0], sample_indices(in[1], n), in[2], axis, {})};
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

Tensor scatter_rows(const OpDef& op, const Tensor& x, const Tensor& rows, const Tensor& updates, SourceLine line) {
  return apply1(op, make_params(NoParams{}), {x, rows, updates}, line);
}

Tensor scatter(const OpDef& op, const Tensor& x, const Tensor& indices, const Tensor& updates, int axis,
               SourceLine line) {
  for (const Tensor* t : {&x, &updates}) require_operand(op.name.c_str(), *t, line);
  require_integers(op.name.c_str(), indices, line);
  const int a = normal_axis(op.name, axis, x.rank(), line);
  const AroundAxis around = around_axis(x, a);
  const auto middle = x.shape().begin() + a;
  Shape expected(x.shape().begin(), middle);
  expected.insert(expected.end(), indices.shape().begin(), indices.shape().end());
  expected.insert(expected.end(), middle + 1, x.shape().end());
  const Dim count = product(indices.shape());
  const Tensor flat =
      scatter_rows(op, reshape(x, around.shape(), line), reshape(ir::cast(indices, DType::i64), {count}, line),
                   reshape(broadcast_to(updates, expected, line), {around.outer, count, around.inner}, line), line);
  return reshape(flat, x.shape(), line);
}

}  // namespace bitale::ops
