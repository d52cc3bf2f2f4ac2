#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(2);
  require_integer(args, 1);
  const Shape &x = args.type(0).shape, &indices = args.type(1).shape;
  const auto axis = args.params_as<GatherParams>().axis;
  args.require(axis >= 0 && axis < static_cast<std::int64_t>(x.size()),
               "axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(x.size()));
  require_rows(args, x[static_cast<std::size_t>(axis)], product(indices));
  Shape out(x.begin(), x.begin() + axis);
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), x.begin() + axis + 1, x.end());
  return {{args.type(0).dtype, out}};
}

Expr element(Element& e) {
  const auto axis = e.node().params_as<GatherParams>().axis;
  const auto begin = e.index().begin() + axis, end = begin + e.node().input(1).rank();
  const Expr index = e.input(1, std::vector<Index>(begin, end));
  std::vector<Index> at(e.index().begin(), begin);
  at.emplace_back(row_of(e, index, e.node().input(0).dim(static_cast<int>(axis)), true));
  at.insert(at.end(), end, e.index().end());
  return e.input(0, at);
}

std::vector<Tensor> batch(const Batch& v) {
  const auto axis = v.node.params_as<GatherParams>().axis;
  const auto before = static_cast<std::size_t>(axis);
  if (!v.batched[1]) return {gather(v.inputs[0], v.inputs[1], static_cast<int>(axis) + 1)};
  if (!v.batched[0]) return {move_axis(gather(v.inputs[0], v.inputs[1], static_cast<int>(axis)), before, 0)};
  const Tensor x = move_axis(v.inputs[0], 0, before);  // [..., B, n, ...]
  Shape merged = x.shape();
  const Dim n = merged[before + 1];
  merged[before] = merged[before] * n;
  merged.erase(merged.begin() + axis + 1);
  const Tensor rows = rows_of_all(v.inputs[1], n, v.node.op().name);
  return {move_axis(apply1(v.node.op(), v.node.params(), {reshape(x, merged), rows}), before, 0)};
}

void reference(const Reference& r) {
  const auto axis = static_cast<std::size_t>(r.node.params_as<GatherParams>().axis);
  const Extents& shape = r.inputs[0].shape();
  std::int64_t outer = 1, inner = 1;
  for (std::size_t a = 0; a < axis; ++a) outer *= shape[a];
  for (std::size_t a = axis + 1; a < shape.size(); ++a) inner *= shape[a];
  const std::int64_t rows = shape[axis], count = r.inputs[1].size();
  dispatch(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* x = r.inputs[0].view<T>().data();
    T* out = r.outputs[0].view<T>().data();
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t k = 0; k < count; ++k)
        for (std::int64_t i = 0; i < inner; ++i)
          out[(o * count + k) * inner + i] = x[(o * rows + reference_row(r.node, r.inputs[1], k, rows)) * inner + i];
  });
}

std::vector<Sample> samples() {
  const auto build = [](int axis) {
    return [axis](std::span<const Tensor> in) {
      return std::vector{gather(in[0], sample_indices(in[1], in[0].dim(axis < 0 ? axis + in[0].rank() : axis)), axis)};
    };
  };
  return {
      {"rows", {{{5, 3}}, index_input({7}, DType::i64)}, build(0)},
      {"last axis", {{{2, 4}}, index_input({3, 2}, DType::i32)}, build(-1)},
      {"middle axis", {{{2, 3, 4}}, index_input({5}, DType::i8)}, build(1)},
      {"one index", {{{3, 2}}, index_input({}, DType::u8)}, build(0)},
      {"no indices", {{{3, 2}}, index_input({0}, DType::i64)}, build(0)},
      {"no indices of no rows", {{{0, 2}}, index_input({0}, DType::i64)}, build(0)},
      {"empty rows", {{{3, 0}}, index_input({2}, DType::i64)}, build(0)},
  };
}

}  // namespace

// gather(x, indices of any rank; axis) -> x.shape[:axis] + indices.shape + x.shape[axis+1:]: numpy.take. The cotangent
// of x is scatter_add of dy. Errors: indices that are not integers, an axis that x does not have; out of range indices:
// index.h.
const OpDef gather_op{
    .name = "gather",
    .doc = "gather(x, indices, axis): rows of x along an axis",
    .type = type_rule,
    .element = element,
    .vjp =
        [](const Vjp& v) {
          const auto axis = static_cast<int>(v.node.params_as<GatherParams>().axis);
          return std::vector{scatter_add(zeros_like(v.in(0)), v.in(1), v.dy(), axis), Tensor{}};
        },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(0) ? apply1(v.node.op(), v.node.params(), {v.dx(0), v.in(1)}) : Tensor{}};
        },
    .batch = batch,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(GatherParams{}); },
};

Tensor gather_rows(const Tensor& x, const Tensor& rows, int axis, SourceLine line) {
  return apply1(gather_op, make_params(GatherParams{axis}), {x, rows}, line);
}

Tensor gather(const Tensor& x, const Tensor& indices, int axis, SourceLine line) {
  const int a = normal_axis("gather", axis, x.rank(), line);
  return apply_checked(gather_op, make_params(GatherParams{a}), {x, indices}, x.dim(a), line);
}

}  // namespace bitale::ops
