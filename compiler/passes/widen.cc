#include "compiler/passes/widen.h"

#include <functional>
#include <ranges>

#include "compiler/passes/building.h"
#include "compiler/passes/narrow_operands.h"
#include "compiler/prim/held_in.h"
#include "compiler/prim/prim.h"

namespace bitale::passes {

using namespace ir;

namespace {

class Widening {
 public:
  Widening(const Graph& graph, bool rounds_each, const std::function<bool(const Node&)>& rounds)
      : rounds_each_(rounds_each) {
    if (!rounds_each) find_in_memory(graph, rounds);
  }

  std::vector<Tensor> replace(const NodePtr& node, const std::vector<Tensor>& inputs) {
    const OpDef& op = node->op();
    if (op.leaf != Leaf::none || op.has_bodies || !has_stored_dtypes(*node)) return {};
    const OriginScope origins(*node);
    if (op.view) return view(node, inputs);
    std::vector<Tensor> operands;
    for (const Tensor& t : inputs) operands.push_back(wide(t));
    if (is_op(Tensor(node, 0), "cast")) return {converted(operands[0], node->type().dtype)};
    std::vector<Tensor> results = in_computed_dtypes(*node, std::move(operands));
    for (std::size_t i = 0; i < results.size(); ++i) results[i] = narrow(results[i], {node, static_cast<int>(i)});
    return results;
  }

 private:
  void find_in_memory(const Graph& graph, const std::function<bool(const Node&)>& rounds) {
    for (const NodePtr& node : std::views::reverse(topological(graph.outputs))) {
      const bool multiplies = is_product(*node);
      bool moves = false;
      for (std::size_t o = 0; o < node->outputs().size(); ++o)
        moves = moves || in_memory_.contains({node, static_cast<int>(o)});
      if (has_stored_dtypes(*node) && rounds(*node)) in_memory_.insert_or_assign({node, 0}, true);
      if (!multiplies && !(moves && only_moves(*node))) continue;
      for (const Tensor& t : node->inputs())
        if (is_only_stored(t.dtype())) in_memory_.insert_or_assign(t, true);
    }
  }

  Tensor wide(const Tensor& t) const {
    const auto it = wide_.find(t);
    return it != wide_.end() ? it->second : cast(t, computed_as(t.dtype()));
  }

  // `was`: what it is in the graph.
  Tensor narrow(const Tensor& t, const Tensor& was) {
    if (!is_only_stored(was.dtype())) return t;
    const Tensor narrowed = cast(t, was.dtype());
    if (!rounds_each_ && (!in_memory_.contains(was) || held_in(t) == was.dtype())) wide_.insert_or_assign(narrowed, t);
    return narrowed;
  }

  // A user's cast to 16 bits rounds at every level.
  static Tensor converted(const Tensor& t, DType dtype) { return cast(cast(t, computed_as(dtype)), dtype); }

  // The same memory under another shape.
  std::vector<Tensor> view(const NodePtr& node, const std::vector<Tensor>& inputs) {
    const Tensor made(with_inputs(node, inputs, node->params()), 0);
    if (const auto it = wide_.find(inputs[0]); it != wide_.end())
      wide_.insert_or_assign(made, apply1(node->op(), node->params(), {it->second}));
    return {made};
  }

  bool rounds_each_;
  // Tensors of the graph that contractions read, where an index map in between may move them, or that what computes
  // them leaves so.
  TensorMap<bool> in_memory_;
  TensorMap<Tensor> wide_;  // of what was narrowed, before it was
};

}  // namespace

Graph widen(const Graph& graph, rewrite::PassContext& context, std::span<const rewrite::ChoiceRow> rows) {
  const auto rounds = [&](const Node& node) {
    const rewrite::ChoiceRow* row = row_of(rows, node);
    std::vector<std::string> unsaid;  // it is chosen later
    return row && row->rounds &&
           row->rounds({node, nullptr, std::nullopt, context.algorithms, context.refusal, context.blocks, context.tf32,
                        unsaid});
  };
  Widening widening(graph, context.level == 0, rounds);
  const Rebuild replace = [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    return widening.replace(node, inputs);
  };
  return {graph.inputs, rebuild(graph.outputs, replace)};
}

}  // namespace bitale::passes
