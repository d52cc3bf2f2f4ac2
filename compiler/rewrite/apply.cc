#include <algorithm>
#include <exception>
#include <unordered_map>
#include <unordered_set>

#include "compiler/prim/prim.h"
#include "compiler/rewrite/rewrite.h"
#include "runtime/base/error.h"
#include "runtime/base/log.h"

namespace bitale::rewrite {

using ir::Node;
using ir::NodePtr;
using ir::Tensor;

namespace {

constexpr int max_offers = 8;      // of one node in one sweep
constexpr int max_new_nodes = 64;  // of one firing

// Firings of one call, for a graph of so many nodes.
std::int64_t most_firings(std::size_t nodes) { return 64 + 16 * static_cast<std::int64_t>(nodes); }

// The rules that are switched on, by OpDef.
class Enabled {
 public:
  Enabled(const RuleSet& rules, const RewriteOptions& options) : rules_(rules), options_(options) {}

  const std::vector<const Rule*>& for_op(const ir::OpDef& op) {
    const auto [it, fresh] = by_op_.try_emplace(&op);
    if (fresh)
      for (const Rule* rule : rules_.for_op(op.name))
        if (on(*rule)) it->second.push_back(rule);
    return it->second;
  }

 private:
  bool on(const Rule& rule) const {
    if (rule.rule_class == RuleClass::relaxed && !options_.relaxed) return false;
    const auto disabled = [&](const std::string& name) {
      return std::find(options_.disabled.begin(), options_.disabled.end(), name) != options_.disabled.end();
    };
    return !disabled(rule.name) && std::none_of(rule.tags.begin(), rule.tags.end(), disabled);
  }

  const RuleSet& rules_;
  const RewriteOptions& options_;
  std::unordered_map<const ir::OpDef*, std::vector<const Rule*>> by_op_;
};

void check_size(const Rule& rule, const Tensor& result, std::uint64_t first_new) {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> stack{&result.node()};
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (node->id() < first_new || !seen.insert(node).second) continue;
    if (seen.size() > max_new_nodes)
      throw InternalError("rule " + rule.name + ": takes more than " + std::to_string(max_new_nodes) + " new nodes");
    for (const Tensor& t : node->inputs()) stack.push_back(&t.node());
  }
}

bool constant_extents_agree(const ir::Shape& a, const ir::Shape& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].is_constant() && b[i].is_constant() && a[i] != b[i]) return false;
  return true;
}

// The result under the root's type, or empty to decline.
Tensor typed(const Rule& rule, const Tensor& root, Tensor result) {
  if (result.type() == root.type()) return result;
  if (ir::splat_value(result)) {
    result = ir::cast(result, root.dtype());
    if (result.shape() != root.shape() && result.rank() <= root.rank()) result = ir::broadcast_to(result, root.shape());
  }
  if (result.type() == root.type()) return result;
  if (result.dtype() == root.dtype() && constant_extents_agree(result.shape(), root.shape())) return {};
  throw InternalError("rule " + rule.name + ": replaces " + to_string(root.type()) + " by " + to_string(result.type()));
}

class Sweep {
 public:
  // `firings_left`: no rule fires once they are used up.
  Sweep(Enabled& rules, Counts& counts, RewriteStats& stats, std::int64_t& firings_left)
      : rules_(rules), counts_(counts), stats_(stats), firings_left_(firings_left) {
    use_count_ = [this](const Tensor& t) {
      const auto it = uses_.find(t);
      return it == uses_.end() ? 1 : it->second;
    };
  }

  std::vector<Tensor> run(std::span<const Tensor> outputs) {
    const std::vector<NodePtr> order = ir::topological(outputs);
    for (const NodePtr& node : order)
      for (const Tensor& t : node->inputs()) ++old_uses_[t];
    for (const Tensor& t : outputs) ++old_uses_[t];
    for (const NodePtr& node : order) visit(node);
    std::vector<Tensor> result;
    for (const Tensor& t : outputs) result.push_back(mapped(t));
    return result;
  }

 private:
  // The new value under the old handle's line and name.
  Tensor mapped(const Tensor& t) const {
    const Tensor& n = memo_.at(&t.node())[static_cast<std::size_t>(t.output())];
    return {n.node_ptr(), n.output(), t.line() ? t.line() : n.line(), t.name().empty() ? n.name() : t.name()};
  }

  void visit(const NodePtr& node) {
    ++stats_.visits;
    std::vector<Tensor> inputs;
    inputs.reserve(node->inputs().size());
    for (const Tensor& t : node->inputs()) inputs.push_back(mapped(t));
    const NodePtr same = ir::with_inputs(node, std::move(inputs), node->params());
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < same->outputs().size(); ++i) {
      outputs.push_back(offer(Tensor(same, static_cast<int>(i))));
      const auto uses = old_uses_.find(Tensor(node, static_cast<int>(i)));
      if (uses != old_uses_.end()) uses_[outputs.back()] += uses->second;
    }
    memo_.emplace(node.get(), std::move(outputs));
  }

  Tensor offer(Tensor t) {
    for (int i = 0; i < max_offers && firings_left_ > 0; ++i) {
      const Tensor next = fire(t);
      if (!next) break;
      t = next;
    }
    return t;
  }

  // The result of the first rule that fits; empty if none does.
  Tensor fire(const Tensor& root) {
    for (const Rule* rule : rules_.for_op(root.node().op())) {
      ++stats_.attempts;
      Match m(root);
      if (!match(rule->pattern, root, m)) continue;
      m.use_count = use_count_;
      const Tensor result = replacement(*rule, m);
      if (!result || result == root) continue;
      ++counts_[rule->name];
      ++stats_.firings;
      --firings_left_;
      return result;
    }
    return {};
  }

  static Tensor replacement(const Rule& rule, const Match& m) {
    const Node& root = m.root().node();
    const ir::OriginScope origins(root);
    const std::uint64_t first_new = ir::next_node_id();
    Tensor result;
    try {
      result = rule.result(m);
    } catch (const std::exception& e) {
      throw InternalError("rule " + rule.name + " throws on " + root.op().name + " of " + to_string(m.root().type()) +
                          ": " + e.what());
    }
    if (result) result = typed(rule, m.root(), std::move(result));
    if (result) check_size(rule, result, first_new);
    return result;
  }

  Enabled& rules_;
  Counts& counts_;
  RewriteStats& stats_;
  std::int64_t& firings_left_;
  std::unordered_map<const Node*, std::vector<Tensor>> memo_;
  ir::TensorMap<int> old_uses_, uses_;
  std::function<int(const Tensor&)> use_count_;
};

}  // namespace

std::vector<const Rule*> rule_list(std::initializer_list<const std::vector<Rule>*> tables) {
  std::vector<const Rule*> list;
  for (const auto* table : tables)
    for (const Rule& rule : *table) list.push_back(&rule);
  return list;
}

std::vector<Tensor> apply_rules(std::span<const Tensor> outputs, const RuleSet& rules, const RewriteOptions& options,
                                Counts& counts, RewriteStats* stats) {
  RewriteStats ignored;
  RewriteStats& s = stats ? *stats : ignored;
  Enabled enabled(rules, options);
  std::vector<Tensor> current(outputs.begin(), outputs.end());
  std::int64_t firings_left = most_firings(ir::topological(outputs).size());
  for (int i = 0; i < options.max_sweeps && firings_left > 0; ++i) {
    ++s.sweeps;
    std::vector<Tensor> next = Sweep(enabled, counts, s, firings_left).run(current);
    const bool changed = next != current;
    current = std::move(next);
    if (!changed) break;
  }
  if (firings_left <= 0) warn("rewriting stopped after " + std::to_string(s.firings) + " firings of rules");
  return current;
}

}  // namespace bitale::rewrite
