#include "compiler/driver/pipeline.h"

#include "compiler/passes/canonicalise.h"
#include "compiler/passes/choose_algorithms.h"
#include "compiler/passes/constant_fold.h"
#include "compiler/passes/narrow_operands.h"
#include "compiler/passes/rules.h"
#include "compiler/passes/simplify.h"
#include "compiler/passes/sink_movement.h"
#include "compiler/passes/widen.h"
#include "compiler/scan/passes.h"

namespace bitale::driver {
namespace {

using rewrite::Rule;
using rewrite::RuleSet;

struct AddedRules {
  std::vector<const Rule*> all, stabilising;
  std::vector<rewrite::ChoiceRow> choices;
};
AddedRules& added_rules() {
  static auto* rules = new AddedRules;
  return *rules;
}

// The tables that lie beside their ops (they know forms by name, such as softmax), then the compiler's, stabilising
// ones first. Made at the first compilation, when all ops are registered.
RuleSet tables(bool algebra) {
  std::vector<const Rule*> list;
  const auto take = [&](std::span<const Rule* const> rules) { list.insert(list.end(), rules.begin(), rules.end()); };
  take(algebra ? added_rules().all : added_rules().stabilising);
  take(passes::stabilising_rules());
  if (algebra) take(passes::algebra_rules());
  return RuleSet(list);
}

ir::Graph stabilise(const ir::Graph& graph, rewrite::PassContext& context) {
  static const RuleSet rules = tables(false);
  return passes::apply_tables(graph, context, rules);
}

ir::Graph simplify(const ir::Graph& graph, rewrite::PassContext& context) {
  static const RuleSet rules = tables(true);
  return passes::apply_tables(graph, context, rules);
}

ir::Graph widen(const ir::Graph& graph, rewrite::PassContext& context) {
  return passes::widen(graph, context, added_rules().choices);
}

ir::Graph choose_algorithms(const ir::Graph& graph, rewrite::PassContext& context) {
  return passes::choose_algorithms(graph, context, added_rules().choices);
}

}  // namespace

void add_rules(std::span<const Rule* const> rules, RuleStage stage) {
  AddedRules& added = added_rules();
  added.all.insert(added.all.end(), rules.begin(), rules.end());
  if (stage == RuleStage::stabilise) added.stabilising.insert(added.stabilising.end(), rules.begin(), rules.end());
}

void add_choices(std::span<const rewrite::ChoiceRow> rows) {
  added_rules().choices.insert(added_rules().choices.end(), rows.begin(), rows.end());
}

std::span<const Rule* const> rules_of_ops() { return added_rules().all; }

const rewrite::Pipeline& pipeline() {
  static const rewrite::Pipeline rows{
      {"widen", widen, "nothing computes in 16 bits", 0},
      {"stabilise", stabilise, "forms that lose digits or overflow have their stable ones", 0},
      {"merge_scans", loops::merge_scans, "no two scans carry the same; what scans give is read", 0},
      {"canonicalise", passes::canonicalise, "operands of commutative ops are in one order", 1},
      {"constant_fold", passes::constant_fold, "no elementwise node has constant operands only", 1},
      {"simplify", simplify, "no rule of the tables fires", 1},
      {"push_out", loops::push_out, "products in loops feed carries and depend on them", 1},
      {"merge_pushed", loops::merge_scans, "no two scans carry the same; what scans give is read", 1},
      {"join_scans", loops::join_scans, "of scans that could run at once, no two run the same steps", 1},
      {"choose_algorithms", choose_algorithms, "no op is left that becomes others to be computed", 0},
      {"sink_movement", passes::sink_movement, "movement follows arithmetic", 1},
      {"simplify_moved", simplify, "no rule of the tables fires", 1},
      {"canonicalise_again", passes::canonicalise, "operands of commutative ops are in one order", 1},
      {"last_rows", loops::last_rows, "no scan stacks rows of which only the last few are read", 1},
      {"narrow_operands", passes::narrow_operands, "contractions read 16 bits where these hold their operands", 0},
  };
  return rows;
}

}  // namespace bitale::driver
