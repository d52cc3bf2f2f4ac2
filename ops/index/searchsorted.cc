#include <cmath>

#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(2);
  require_rank(args, 0, 2);
  require_rank(args, 1, 2);
  args.require(args.type(0).dtype == args.type(1).dtype, "the operands must have one dtype");
  Shape shape = args.type(1).shape;
  shape[0] = args.unify(args.type(0).shape[0], shape[0], "there must be one row of values for each sorted row");
  return {{DType::i64, shape}};
}

// Counts the elements below (or not above) each value.
void reference(const Reference& r) {
  const bool right = r.node.params_as<SearchsortedParams>().right;
  const std::int64_t n = r.inputs[0].shape()[1], count = r.inputs[1].shape()[1];
  const auto out = r.outputs[0].view<std::int64_t>();
  dispatch(r.inputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto sorted = r.inputs[0].view<T>(), values = r.inputs[1].view<T>();
    const auto is_nan = [](T v) { return static_cast<double>(v) != static_cast<double>(v); };
    for (std::size_t k = 0; k < values.size(); ++k) {
      const T v = values[k];
      out[k] = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        const T s = sorted[static_cast<std::size_t>(static_cast<std::int64_t>(k) / count * n + j)];
        const bool below = is_nan(v) ? !is_nan(s) : s < v;
        const bool equal = is_nan(v) ? is_nan(s) : s == v;
        if (below || (right && equal)) ++out[k];
      }
    }
  });
}

std::vector<Tensor> batch(const Batch& v) {
  if (!v.batched[0]) {  // the same rows: more values for each
    const Tensor values = move_axis(v.inputs[1], 0, 1);
    const Dim &outer = values.dim(0), &count = values.dim(2);
    const Tensor out = apply1(v.node.op(), v.node.params(), {v.inputs[0], reshape(values, {outer, v.size * count})});
    return {move_axis(reshape(out, {outer, v.size, count}), 1, 0)};
  }
  const Tensor sorted = v.inputs[0], values = with_batch_axis(v, 1);
  const Dim outer = v.size * sorted.dim(1);
  const Tensor out = apply1(v.node.op(), v.node.params(),
                            {reshape(sorted, {outer, sorted.dim(2)}), reshape(values, {outer, values.dim(2)})});
  return {reshape(out, values.shape())};
}

std::vector<Sample> samples(Tensor (*build)(const Tensor& sorted, const Tensor& values, bool right)) {
  const auto values = [](Extents shape) { return SampleInput{.shape = std::move(shape), .differentiable = false}; };
  const auto coarse = [](Extents shape) {
    return SampleInput{.shape = std::move(shape), .low = 0, .high = 4, .dtype = DType::i32};
  };
  const auto of = [build](bool right) {
    return [build, right](std::span<const Tensor> in) { return std::vector{build(sort(in[0]), in[1], right)}; };
  };
  return {{"left", {values({6}), values({4})}, of(false)},
          {"right, of a matrix", {values({5}), values({2, 3})}, of(true)},
          {"equal elements, left", {coarse({7}), coarse({6})}, of(false)},
          {"equal elements, right", {coarse({7}), coarse({6})}, of(true)},
          {"a scalar", {values({3}), values({})}, of(false)}};
}

}  // namespace

// searchsorted(sorted [outer, n], values [outer, count]; right) -> int64 [outer, count]: how many elements of its row
// lie below (right: not above) a value; NaN is above all numbers. Rows that are not ascending give some place in [0,
// n].
const OpDef searchsorted_op{
    .name = "searchsorted",
    .doc = "searchsorted(sorted, values, right): where values go into ascending rows, before or behind equal elements",
    .type = type_rule,
    .library = "searchsorted",
    .library_extents =
        [](const Node& n) {
          const Shape &sorted = n.input(0).shape(), &values = n.input(1).shape();
          return std::vector<Dim>{sorted[0], sorted[1], values[1]};
        },
    .library_integers =
        [](const Node& n) {
          return std::vector{static_cast<std::int64_t>(n.input(0).dtype()),
                             std::int64_t{n.params_as<SearchsortedParams>().right}};
        },
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch,
    .reference = reference,
    .samples =
        [] {
          auto list = samples([](const Tensor& s, const Tensor& v, bool right) { return searchsorted(s, v, right); });
          list.push_back({"rows", {{{2, 5}}, {{2, 3}}}, [](std::span<const Tensor> in) {
                            return std::vector{searchsorted(sort(in[0]), in[1])};
                          }});
          return list;
        },
    .default_params = [] { return make_params(SearchsortedParams{}); },
};

Tensor searchsorted(const Tensor& sorted, const Operand& values, bool right, SourceLine line) {
  require_operand("searchsorted", sorted, line);
  const Operand both[] = {sorted, values};
  const DType dtype = common_dtype(both);
  const Tensor s = ir::cast(sorted, dtype, line);
  const Tensor v = broadcast_operands(searchsorted_op, {&values, 1}, {&dtype, 1}, line)[0];
  const Tensor operands[] = {s, v};
  const TypeArgs args(searchsorted_op, nullptr, operands, line);
  args.require(s.rank() > 0, "a scalar is not sorted");
  const bool rows = s.rank() > 1;
  args.require(!rows || s.rank() == v.rank(), "sorted rows and values must have one rank");
  const auto matrix = [&](const Tensor& t) {
    if (!rows) return reshape(t, {1, product(t.shape())}, line);
    const AroundAxis around = around_axis(t, t.rank() - 1);
    return reshape(t, {around.outer, around.n}, line);
  };
  for (int k = 0; rows && k + 1 < s.rank(); ++k)
    args.require(!s.dim(k).is_constant() || !v.dim(k).is_constant() || s.dim(k) == v.dim(k),
                 "sorted rows and values differ on axis " + std::to_string(k));
  const Tensor out = apply1(searchsorted_op, make_params(SearchsortedParams{right}), {matrix(s), matrix(v)}, line);
  return reshape(out, v.shape(), line);
}

const OpDef digitize_op{
    .name = "digitize",
    .doc = "digitize(values, edges, right): the bin of each value between ascending edges",
    .composite = true,
    .samples =
        [] { return samples([](const Tensor& s, const Tensor& v, bool right) { return digitize(v, s, right); }); },
};

Tensor digitize(const Tensor& values, const Tensor& edges, bool right, SourceLine line) {
  for (const Tensor* t : {&values, &edges}) require_operand("digitize", *t, line);
  if (edges.rank() != 1) fail_at("digitize", "the edges must be a vector, got " + describe(edges), line);
  return searchsorted(edges, values, !right, line);
}

}  // namespace bitale::ops
