#include "compiler/driver/pipeline.h"

#include "compiler/passes/rules.h"
#include "runtime/base/log.h"

namespace bitale::driver {
namespace {

using rewrite::PassContext;
using rewrite::Rule;

std::vector<const Rule*>& more_rules() {
  static auto* rules = new std::vector<const Rule*>;
  return *rules;
}

ir::Graph with_rules(const ir::Graph& graph, const rewrite::RuleSet& rules, PassContext& context) {
  ir::Graph out = graph;
  out.outputs = rewrite::apply_rules(graph.outputs, rules, context.options, context.rules_fired);
  return out;
}

ir::Graph stabilise(const ir::Graph& graph, PassContext& context) {
  static const rewrite::RuleSet rules = [] {
    std::vector<const Rule*> list;
    for (const Rule* r : passes::stabilising_rules()) list.push_back(r);
    for (const Rule* r : extra_rules()) list.push_back(r);
    return rewrite::RuleSet(list);
  }();
  return with_rules(graph, rules, context);
}

ir::Graph simplify(const ir::Graph& graph, PassContext& context) {
  static const rewrite::RuleSet rules = [] {
    std::vector<const Rule*> list;
    for (const Rule* r : passes::algebra_rules()) list.push_back(r);
    for (const Rule* r : passes::stabilising_rules()) list.push_back(r);
    for (const Rule* r : extra_rules()) list.push_back(r);
    return rewrite::RuleSet(list);
  }();
  return with_rules(graph, rules, context);
}

}  // namespace

void add_rules(std::span<const Rule* const> rules) { more_rules().insert(more_rules().end(), rules.begin(), rules.end()); }
std::vector<const Rule*> extra_rules() { return more_rules(); }

const rewrite::Pipeline& pipeline() {
  static const rewrite::Pipeline rows{
      {"stabilise", stabilise, "what loses digits or overflows in its plain form has its stable one", 0},
      {"simplify", simplify, "no rule of the algebra applies", 1},
  };
  return rows;
}

}  // namespace bitale::driver
