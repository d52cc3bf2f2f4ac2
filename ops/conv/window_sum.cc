#include <algorithm>

#include "ops/api/checks.h"
#include "ops/conv/lrn.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(1);
  const auto& p = args.params_as<WindowSumParams>();
  require_float(args, 0);
  args.require(p.before >= 0 && p.after >= 0, "a window must not begin after its element, nor end before it");
  for (std::size_t i = 0; i < p.axes.size(); ++i)
    args.require(p.axes[i] >= (i ? p.axes[i - 1] + 1 : 0) && p.axes[i] < args.type(0).rank(),
                 "axes must ascend, and be the operand's");
  return {args.type(0)};
}

Expr element(Element& e) {
  const auto& p = e.node().params_as<WindowSumParams>();
  const Shape& shape = e.node().type().shape;
  const Expr zero = e.constant(0, e.node().type().dtype);
  const std::vector<Dim> window(p.axes.size(), p.before + 1 + p.after);
  return e.reduce(Combiner::sum, window, [&](std::span<const Index> at) {
    std::vector<Index> index = e.index();
    std::vector<IndexBound> bounds;
    for (std::size_t k = 0; k < p.axes.size(); ++k) {
      const auto axis = static_cast<std::size_t>(p.axes[k]);
      index[axis] = index[axis] + at[k] - Index(Dim(p.before));
      bounds.push_back({index[axis], shape[axis]});
    }
    return e.input_if(bounds, 0, index, zero);
  });
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<WindowSumParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = elements<T>(r.inputs[0]);
    const auto out = elements<T>(r.outputs[0]);
    for_each_index(out.shape, [&](const Extents& i) {
      double total = 0;
      for_each_index(x.shape, [&](const Extents& j) {
        for (std::size_t axis = 0; axis < i.size(); ++axis) {
          const bool moves = std::find(p.axes.begin(), p.axes.end(), axis) != p.axes.end();
          if (j[axis] < i[axis] - (moves ? p.before : 0) || j[axis] > i[axis] + (moves ? p.after : 0)) return;
        }
        total += x(0, j);
      });
      out(0, i) = static_cast<T>(total);
    });
  });
}

std::vector<Tensor> batch(const Batch& v) {
  WindowSumParams p = v.node.params_as<WindowSumParams>();
  for (std::int64_t& axis : p.axes) ++axis;
  return apply(v.node.op(), make_params(p), {with_batch_axis(v, 0)});
}

std::vector<Sample> samples() {
  struct Case {
    const char* name;
    Extents shape;
    WindowSumParams params;
  };
  const std::vector<Case> cases{
      {"channels", {2, 5, 3}, {{1}, 2, 2}},         {"last axis, uneven", {3, 7}, {{1}, 2, 1}},
      {"wider than the axis", {2, 3}, {{0}, 3, 4}}, {"two axes", {2, 4, 5}, {{1, 2}, 1, 1}},
      {"an element alone", {4}, {{0}, 0, 0}},
  };
  std::vector<Sample> out;
  for (const Case& c : cases)
    out.push_back(
        {c.name, {{c.shape}}, [c](std::span<const Tensor> in) { return std::vector{window_sum(in[0], c.params)}; }});
  return out;
}

}  // namespace

// window_sum(x; axes, before, after) -> like x: the sum of the elements from `before` before each to `after` after it,
// along every axis of the list; what lies outside is not there. Its transpose looks the other way.
const OpDef window_sum_op{
    .name = "window_sum",
    .doc = "the sum of x's elements around each along some axes, as lrn takes it of squares",
    .type = type_rule,
    .element = element,
    .vjp =
        [](const Vjp& v) {
          const auto& p = v.node.params_as<WindowSumParams>();
          return std::vector{window_sum(v.dy(), {p.axes, p.after, p.before})};
        },
    .jvp = linear_jvp,
    .batch = batch,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(WindowSumParams{}); },
};

Tensor window_sum(const Tensor& x, WindowSumParams params, SourceLine line) {
  return apply1(window_sum_op, make_params(std::move(params)), {x}, line);
}

}  // namespace bitale::ops
