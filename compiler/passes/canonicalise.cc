#include "compiler/passes/canonicalise.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "compiler/ir/canonical.h"
#include "compiler/passes/building.h"
#include "runtime/base/hash.h"

namespace bitale::passes {

using namespace ir;

namespace {

class Canonicalise {
 public:
  // Inputs and Shared are known by the order in which they were made, symbols by that of the leaves they belong to: a
  // graph that is built again has the same order of operands, and one that is in order keeps it.
  explicit Canonicalise(const Graph& graph) {
    std::vector<NodePtr> leaves;
    for (const NodePtr& n : topological(graph.outputs))
      if (is_variable(*n)) leaves.push_back(n);
    std::sort(leaves.begin(), leaves.end(), [](const NodePtr& a, const NodePtr& b) { return a->id() < b->id(); });
    for (const NodePtr& n : leaves) {
      numbers_.emplace(n.get(), static_cast<std::int64_t>(numbers_.size()));
      feed_.shape(n->type().shape);
    }
  }

  std::vector<Tensor> operator()(const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> operands = inputs;
    // Extents that are equal only by a check at call entry have a form, which is the first operand's.
    if (node->op().commutative && operands.size() == 2 && operands[0].type() == operands[1].type() &&
        key(operands[1]) < key(operands[0]))
      std::swap(operands[0], operands[1]);
    const NodePtr made = with_inputs(node, std::move(operands), node->params());
    if (!hashes_.contains(made.get())) hashes_.emplace(made.get(), hash_of(*made));
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < made->outputs().size(); ++i) outputs.emplace_back(made, static_cast<int>(i));
    return outputs;
  }

 private:
  static bool is_variable(const Node& n) { return n.op().leaf == Leaf::input || n.op().leaf == Leaf::shared; }

  std::uint64_t hash_of(const Tensor& t) const {
    return hash_combine(hashes_.at(&t.node()), static_cast<std::uint64_t>(t.output()));
  }

  std::uint64_t hash_of(const Node& node) {
    Hasher h;
    feed_.feed_to(h);
    h.text(node.op().name);
    if (is_variable(node))
      h.number(numbers_.at(&node));
    else if (node.params())
      feed_.params(*node.params());
    for (const Tensor& t : node.inputs()) h.number(static_cast<std::int64_t>(hash_of(t)));
    return h.digest().words[0];
  }

  std::tuple<bool, std::uint64_t, std::uint64_t> key(const Tensor& t) const {
    return {t.node().op().leaf == Leaf::constant || is_op(t, "full"), hash_of(t), t.node().id()};
  }

  Hasher unused_;
  CanonicalFeed feed_{unused_};
  std::unordered_map<const Node*, std::int64_t> numbers_;  // of inputs and Shared
  std::unordered_map<const Node*, std::uint64_t> hashes_;  // by structure, of the nodes made
};

}  // namespace

Graph canonicalise(const Graph& graph, rewrite::PassContext&) {
  Canonicalise order(graph);
  return {graph.inputs, rebuild(graph.outputs, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
            return order(node, inputs);
          })};
}

}  // namespace bitale::passes
