#include "compiler/grad/prepare.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/passes/rules.h"
#include "compiler/prim/prim.h"
#include "runtime/base/flags.h"

namespace bitale::ad {

using namespace ir;

namespace {

const OpDef barrier_op = [] {
  OpDef op;
  op.name = "barrier";
  op.type = same_type;
  op.scalar = [](std::span<const Expr> x) { return x[0]; };
  op.element = [](Element& e) { return e.input(0); };
  op.vjp = [](const Vjp& v) { return std::vector{v.dy()}; };
  op.jvp = [](const Jvp& v) { return std::vector{v.dx(0)}; };
  return op;
}();

// Rebuilds the outputs with every target behind a barrier; targets become their barriers.
std::vector<Tensor> behind_barriers(std::span<const Tensor> outputs, std::vector<Tensor>& targets) {
  const std::unordered_set<Tensor, TensorHash> barriers(targets.begin(), targets.end());
  std::vector<Tensor> roots(outputs.begin(), outputs.end());
  roots.insert(roots.end(), targets.begin(), targets.end());
  std::vector<Tensor> rebuilt =
      rebuild(roots, [&](const NodePtr& node, const std::vector<Tensor>& inputs) -> std::vector<Tensor> {
        if (node->op().leaf != Leaf::none) return {};
        const NodePtr same = with_inputs(node, inputs, node->params());
        std::vector<Tensor> made;
        for (std::size_t i = 0; i < same->outputs().size(); ++i) {
          made.emplace_back(same, static_cast<int>(i));
          if (barriers.contains(Tensor(node, static_cast<int>(i))))
            made.back() = apply1(barrier_op, nullptr, {made.back()});
        }
        return made;
      });
  targets.assign(rebuilt.begin() + static_cast<std::ptrdiff_t>(outputs.size()), rebuilt.end());
  rebuilt.resize(outputs.size());
  return rebuilt;
}

}  // namespace

Prepared prepare(std::span<const Tensor> outputs, std::span<const Tensor> targets) {
  static const rewrite::RuleSet rules{{passes::stabilising_rules().begin(), passes::stabilising_rules().end()}};
  Prepared p{{outputs.begin(), outputs.end()}, {targets.begin(), targets.end()}, false};
  for (const Tensor& t : targets) p.barriers = p.barriers || t.node().op().leaf == Leaf::none;
  if (p.barriers) p.outputs = behind_barriers(outputs, p.targets);

  std::vector<Tensor> roots = p.outputs;
  roots.insert(roots.end(), p.targets.begin(), p.targets.end());
  rewrite::RewriteOptions options;
  options.disabled = rewrite::split_names(flags().disable);
  rewrite::Counts counts;
  const std::vector<Tensor> stable = rewrite::apply_rules(roots, rules, options, counts);
  std::copy(stable.begin(), stable.begin() + static_cast<std::ptrdiff_t>(outputs.size()), p.outputs.begin());
  std::copy(stable.begin() + static_cast<std::ptrdiff_t>(outputs.size()), stable.end(), p.targets.begin());
  return p;
}

std::vector<Tensor> finish(const Prepared& prepared, std::vector<Tensor> results) {
  if (!prepared.barriers) return results;
  return rebuild(results, [](const NodePtr& node, const std::vector<Tensor>& inputs) -> std::vector<Tensor> {
    return &node->op() == &barrier_op ? std::vector{inputs[0]} : std::vector<Tensor>{};
  });
}

}  // namespace bitale::ad
