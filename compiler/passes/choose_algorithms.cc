#include "compiler/passes/choose_algorithms.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/prim/prim.h"

namespace bitale::passes {

using namespace ir;

namespace {

using Rows = std::span<const rewrite::ChoiceRow>;

// Who reads a tensor, as often as they do; null is the graph, whose output it is.
using Readers = TensorMap<std::vector<const Node*>>;

Readers readers_among(const std::vector<NodePtr>& nodes, const std::vector<Tensor>& outputs) {
  Readers readers;
  for (const Tensor& t : outputs) readers[t].push_back(nullptr);
  for (const NodePtr& n : nodes)
    for (const Tensor& t : n->inputs()) readers[t].push_back(n.get());
  return readers;
}

// Nodes that are chosen for together with the slice that alone reads them.
std::unordered_set<const Node*> chosen_with_slice(const std::vector<NodePtr>& nodes, const Readers& readers,
                                                  Rows rows) {
  std::unordered_set<const Node*> out;
  for (const NodePtr& n : nodes) {
    if (n->op().name != "slice") continue;
    const rewrite::ChoiceRow* row = row_of(rows, n->input(0).node());
    if (row && row->takes_slice && readers.at(n->input(0)).size() == 1) out.insert(&n->input(0).node());
  }
  return out;
}

// The dtype of 16 bits that all readers cast to.
std::optional<DType> rounded_by(const std::vector<const Node*>& readers) {
  const auto casts = [&](const Node* n) {
    return n && n->op().name == "cast" && is_only_stored(n->type().dtype) &&
           n->type().dtype == readers[0]->type().dtype;
  };
  if (!std::all_of(readers.begin(), readers.end(), casts)) return std::nullopt;
  return readers[0]->type().dtype;
}

}  // namespace

Graph choose_algorithms(const Graph& graph, rewrite::PassContext& context, Rows rows) {
  const std::vector<NodePtr> nodes = topological(graph.outputs);
  const Readers readers = readers_among(nodes, graph.outputs);
  const std::unordered_set<const Node*> with_slice = chosen_with_slice(nodes, readers, rows);
  // `before`: what `node`, or `slice` if there is one, is in the graph.
  const auto chosen = [&](const NodePtr& before, const Node& node, const Node* slice) {
    const OriginScope origins(node);
    return row_of(rows, node)
        ->choose({node, slice, rounded_by(readers.at({before, 0})), context.algorithms, context.refusal, context.blocks,
                  context.tf32, context.choices});
  };
  const auto choose = [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    if (with_slice.contains(node.get())) return std::vector<Tensor>{};
    if (node->op().name == "slice" && with_slice.contains(&node->input(0).node())) {
      const NodePtr slice = with_inputs(node, inputs, node->params());
      return chosen(node, inputs[0].node(), slice.get());
    }
    if (!row_of(rows, *node)) return std::vector<Tensor>{};
    return chosen(node, *with_inputs(node, inputs, node->params()), nullptr);
  };
  return {graph.inputs, rebuild(graph.outputs, choose)};
}

}  // namespace bitale::passes
