#include "compiler/passes/choose_algorithms.h"

#include <algorithm>

namespace bitale::passes {

ir::Graph choose_algorithms(const ir::Graph& graph, rewrite::PassContext& context,
                            std::span<const rewrite::ChoiceRow> rows) {
  const auto choose = [&](const ir::NodePtr& node, const std::vector<ir::Tensor>& inputs) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.op == &node->op(); });
    if (row == rows.end()) return std::vector<ir::Tensor>{};
    const ir::OriginScope origins(*node);
    const ir::NodePtr made = with_inputs(node, inputs, node->params());
    return row->choose({*made, context.algorithms, context.refusal, context.blocks, context.choices});
  };
  return {graph.inputs, rebuild(graph.outputs, choose)};
}

}  // namespace bitale::passes
