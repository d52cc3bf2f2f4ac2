#include "compiler/passes/choose_algorithms.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/prim/prim.h"

namespace bitale::passes {

using namespace ir;

namespace {

using Rows = std::span<const rewrite::ChoiceRow>;

const rewrite::ChoiceRow* row_of(Rows rows, const Node& node) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.op == &node.op(); });
  return row == rows.end() ? nullptr : &*row;
}

// Nodes that are chosen for together with the slice that alone reads them.
std::unordered_set<const Node*> chosen_with_slice(const std::vector<Tensor>& outputs, Rows rows) {
  TensorMap<int> uses;
  for (const Tensor& t : outputs) ++uses[t];
  const std::vector<NodePtr> nodes = topological(outputs);
  for (const NodePtr& n : nodes)
    for (const Tensor& t : n->inputs()) ++uses[t];
  std::unordered_set<const Node*> out;
  for (const NodePtr& n : nodes) {
    if (n->op().name != "slice") continue;
    const rewrite::ChoiceRow* row = row_of(rows, n->input(0).node());
    if (row && row->takes_slice && uses.at(n->input(0)) == 1) out.insert(&n->input(0).node());
  }
  return out;
}

}  // namespace

Graph choose_algorithms(const Graph& graph, rewrite::PassContext& context, Rows rows) {
  const std::unordered_set<const Node*> with_slice = chosen_with_slice(graph.outputs, rows);
  const auto chosen = [&](const rewrite::ChoiceRow& row, const Node& node, const Node* slice) {
    const OriginScope origins(node);
    return row.choose(
        {node, slice, context.algorithms, context.refusal, context.blocks, context.tf32, context.choices});
  };
  const auto choose = [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    if (with_slice.contains(node.get())) return std::vector<Tensor>{};
    if (node->op().name == "slice" && with_slice.contains(&node->input(0).node())) {
      const NodePtr slice = with_inputs(node, inputs, node->params());
      const Node& sliced = inputs[0].node();
      return chosen(*row_of(rows, sliced), sliced, slice.get());
    }
    const rewrite::ChoiceRow* row = row_of(rows, *node);
    return row ? chosen(*row, *with_inputs(node, inputs, node->params()), nullptr) : std::vector<Tensor>{};
  };
  return {graph.inputs, rebuild(graph.outputs, choose)};
}

}  // namespace bitale::passes
