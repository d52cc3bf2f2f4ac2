#include "compiler/passes/simplify.h"

#include "compiler/passes/rules.h"

namespace bitale::passes {

using rewrite::Rule;
using rewrite::RuleSet;

ir::Graph apply_tables(const ir::Graph& graph, rewrite::PassContext& context, const RuleSet& rules) {
  return {graph.inputs, rewrite::apply_rules(graph.outputs, rules, context.options, context.rules_fired)};
}

ir::Graph stabilise(const ir::Graph& graph, rewrite::PassContext& context) {
  static const RuleSet rules{{stabilising_rules().begin(), stabilising_rules().end()}};
  return apply_tables(graph, context, rules);
}

ir::Graph simplify(const ir::Graph& graph, rewrite::PassContext& context) {
  static const RuleSet rules = [] {
    std::vector<const Rule*> list(stabilising_rules().begin(), stabilising_rules().end());
    list.insert(list.end(), algebra_rules().begin(), algebra_rules().end());
    return RuleSet(std::move(list));
  }();
  return apply_tables(graph, context, rules);
}

}  // namespace bitale::passes
