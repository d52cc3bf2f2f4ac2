#include "compiler/passes/canonicalise.h"

#include <tuple>
#include <unordered_map>

#include "compiler/passes/building.h"
#include "runtime/base/hash.h"

namespace bitale::passes {

using namespace ir;

namespace {

class Canonicalise {
 public:
  std::vector<Tensor> operator()(const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> operands = inputs;
    if (node->op().commutative && operands.size() == 2 && key(operands[1]) < key(operands[0]))
      std::swap(operands[0], operands[1]);
    const NodePtr made = with_inputs(node, std::move(operands), node->params());
    hashes_.try_emplace(made.get(), hash_of(*made));
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < made->outputs().size(); ++i) outputs.emplace_back(made, static_cast<int>(i));
    return outputs;
  }

 private:
  std::uint64_t hash_of(const Tensor& t) const {
    return hash_combine(hashes_.at(&t.node()), static_cast<std::uint64_t>(t.output()));
  }

  std::uint64_t hash_of(const Node& node) const {
    std::uint64_t h = hash_text(node.op().name);
    if (node.params()) h = hash_combine(h, node.params()->hash());
    for (const Tensor& t : node.inputs()) h = hash_combine(h, hash_of(t));
    return h;
  }

  std::tuple<bool, std::uint64_t, std::uint64_t> key(const Tensor& t) const {
    return {t.node().op().leaf == Leaf::constant || is_op(t, "full"), hash_of(t), t.node().id()};
  }

  std::unordered_map<const Node*, std::uint64_t> hashes_;  // by structure, of the nodes made
};

}  // namespace

Graph canonicalise(const Graph& graph, rewrite::PassContext&) {
  return {graph.inputs, rebuild(graph.outputs, Canonicalise())};
}

}  // namespace bitale::passes
