#include "compiler/passes/narrow_operands.h"

#include "compiler/ir/graph.h"
#include "compiler/prim/held_in.h"
#include "compiler/prim/prim.h"

namespace bitale::passes {

using namespace ir;

namespace {

std::vector<Tensor> narrow(const NodePtr& node, const std::vector<Tensor>& inputs) {
  if (!is_product(*node)) return {};
  const OriginScope origins(*node);
  std::vector<Tensor> operands = inputs;
  for (const std::size_t i : {0U, 1U})
    if (const auto dtype = held_in(inputs[i])) operands[i] = cast(narrowed(inputs[i], *dtype), inputs[i].dtype());
  if (operands == inputs) return {};
  return {Tensor(with_inputs(node, operands, node->params()), 0)};
}

}  // namespace

bool is_product(const Node& node) { return node.op().contraction && is_floating(node.type().dtype); }

Graph narrow_operands(const Graph& graph, rewrite::PassContext&) {
  return {graph.inputs, rebuild(graph.outputs, narrow)};
}

}  // namespace bitale::passes
