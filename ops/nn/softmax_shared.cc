#include <limits>

#include "ops/api/checks.h"
#include "ops/nn/softmax.h"

namespace bitale::ops {

using namespace ir;

std::vector<TensorType> softmax_type(const TypeArgs& args) {
  args.require_count(1);
  require_float(args, 0);
  const auto axis = args.params_as<SoftmaxParams>().axis;
  args.require(axis >= 0 && axis < args.type(0).rank(),
               "axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(args.type(0).rank()));
  return {args.type(0)};
}

std::vector<Tensor> batch_softmax(const Batch& v) {
  return apply(v.node.op(), make_params(SoftmaxParams{v.node.params_as<SoftmaxParams>().axis + 1}), {v.inputs[0]});
}

Tensor sum_along(const Tensor& x, const SoftmaxParams& p) {
  return broadcast_to(expand_dims(ir::sum(x, {p.axis}), static_cast<int>(p.axis)), x.shape());
}

ShiftedElement shifted_element(Element& e) {
  const auto axis = static_cast<std::size_t>(e.node().params_as<SoftmaxParams>().axis);
  const std::vector<Dim> line{e.node().type().shape[axis]};
  const auto along = [&](const Index& i) {
    std::vector<Index> at = e.index();
    at[axis] = i;
    return e.input(0, at);
  };
  const DType dtype = e.node().type().dtype;
  const Expr highest = e.reduce(Combiner::max, line, [&](std::span<const Index> at) { return along(at[0]); });
  const Expr top = call(ScalarOp::min, {highest, e.constant(largest_of(dtype), dtype)});
  const Expr sum = e.reduce(Combiner::sum, line,
                            [&](std::span<const Index> at) { return call(ScalarOp::exp, {along(at[0]) - top}); });
  return {e.input(0) - top, sum};
}

void visit_lines(const Extents& shape, std::int64_t axis,
                 const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& f) {
  std::int64_t outer = 1, inner = 1;
  for (std::size_t a = 0; a < shape.size(); ++a)
    if (static_cast<std::int64_t>(a) != axis) (static_cast<std::int64_t>(a) < axis ? outer : inner) *= shape[a];
  const std::int64_t count = shape[static_cast<std::size_t>(axis)];
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i) f(o * count * inner + i, inner, count);
}

std::vector<Sample> softmax_samples(Tensor (*build)(const Tensor&, int, SourceLine)) {
  const auto along = [build](int axis) {
    return [build, axis](std::span<const Tensor> in) { return std::vector{build(in[0], axis, {})}; };
  };
  return {
      {"last axis", {{{3, 5}, -4, 4}}, along(-1)},
      {"first axis", {{{5, 3}, -4, 4}}, along(0)},
      {"middle axis", {{{2, 7, 3}, -4, 4}}, along(1)},
      {"vector", {{{9}, -4, 4}}, along(0)},
      {"one element", {{{4, 1}}}, along(1)},
      {"large values", {{{2, 6}, 700, 720}}, along(1), 100},
      {"no rows", {{{0, 3}}}, along(1)},
      {"no elements", {{{3, 0}}}, along(1)},
  };
}

}  // namespace bitale::ops
