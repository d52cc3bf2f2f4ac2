#include "compiler/passes/sink_movement.h"

#include "compiler/passes/building.h"

namespace bitale::passes {

using namespace ir;

namespace {

bool is_elementwise(const Node& node) {
  return node.outputs().size() == 1 && !node.inputs().empty() && (node.op().scalar || node.op().name == "cast");
}

bool is_movement(const Tensor& t) { return is_op(t, "broadcast_to") || is_op(t, "reshape") || is_op(t, "transpose"); }

bool is_single(const Tensor& t) {
  return splat_value(t) || (is_op(t, "broadcast_to") && product(t.node().input(0).shape()).is(1));
}

// One value for all elements (a constant, or a single element repeated) under another shape.
Tensor single(const Tensor& t, const Shape& shape) {
  if (const auto v = splat_value(t)) return full(*v, shape);
  return broadcast_to(reshape(t.node().input(0), {}), shape);
}

// The operand whose movement the others must share: the first that is no single value. Empty if it is not moved.
Tensor leading(const std::vector<Tensor>& inputs) {
  for (const Tensor& t : inputs) {
    if (is_single(t)) continue;
    return is_movement(t) ? t : Tensor();
  }
  for (const Tensor& t : inputs)
    if (!splat_value(t) && is_op(t, "broadcast_to")) return t;
  return {};
}

bool same_movement(const Tensor& a, const Tensor& b) {
  if (&a.node().op() != &b.node().op() || a.node().input(0).shape() != b.node().input(0).shape()) return false;
  return a.shape() == b.shape() && (!is_op(a, "transpose") || params_of<AxesParams>(a) == params_of<AxesParams>(b));
}

std::vector<Tensor> sink(const NodePtr& node, const std::vector<Tensor>& inputs) {
  if (!is_elementwise(*node)) return {};
  const Tensor moved = leading(inputs);
  if (!moved || moved.shape() != node->type().shape) return {};
  const Shape& shape = moved.node().input(0).shape();
  std::vector<Tensor> operands;
  for (const Tensor& t : inputs) {
    if (is_movement(t) && same_movement(t, moved))
      operands.push_back(t.node().input(0));
    else if (is_single(t))
      operands.push_back(single(t, shape));
    else
      return {};
  }
  const OriginScope origins(*node);
  const Tensor result = apply1(node->op(), node->params(), std::move(operands));
  const Params params =
      is_op(moved, "transpose") ? moved.node().params() : make_params(ShapeParams{node->type().shape});
  return {apply1(moved.node().op(), params, {result})};
}

}  // namespace

Graph sink_movement(const Graph& graph, rewrite::PassContext&) { return {graph.inputs, rebuild(graph.outputs, sink)}; }

}  // namespace bitale::passes
