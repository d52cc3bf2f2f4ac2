#include <cmath>

#include "compiler/prim/prim.h"
#include "compiler/rewrite/rewrite.h"
#include "runtime/base/error.h"

namespace bitale::rewrite {

Pattern any(std::string name) { return {Pattern::Kind::any, std::move(name), 0, {}}; }
Pattern constant(std::string name) { return {Pattern::Kind::constant, std::move(name), 0, {}}; }
Pattern literal(double value) { return {Pattern::Kind::literal, {}, value, {}}; }
Pattern op(std::string name, std::vector<Pattern> operands) {
  return {Pattern::Kind::op, std::move(name), 0, std::move(operands)};
}
Pattern node(std::string op) { return {Pattern::Kind::node, std::move(op), 0, {}}; }

Pattern operator+(Pattern a, Pattern b) { return op("add", {std::move(a), std::move(b)}); }
Pattern operator-(Pattern a, Pattern b) { return op("sub", {std::move(a), std::move(b)}); }
Pattern operator*(Pattern a, Pattern b) { return op("mul", {std::move(a), std::move(b)}); }
Pattern operator/(Pattern a, Pattern b) { return op("div", {std::move(a), std::move(b)}); }
Pattern operator-(Pattern a) { return op("neg", {std::move(a)}); }
Pattern operator+(double a, Pattern b) { return literal(a) + std::move(b); }
Pattern operator-(double a, Pattern b) { return literal(a) - std::move(b); }
Pattern operator*(double a, Pattern b) { return literal(a) * std::move(b); }
Pattern operator/(double a, Pattern b) { return literal(a) / std::move(b); }
Pattern operator+(Pattern a, double b) { return std::move(a) + literal(b); }
Pattern operator-(Pattern a, double b) { return std::move(a) - literal(b); }
Pattern operator*(Pattern a, double b) { return std::move(a) * literal(b); }
Pattern operator/(Pattern a, double b) { return std::move(a) / literal(b); }

const ir::Tensor& Match::operator[](const std::string& variable) const {
  for (const auto& [name, tensor] : bound_)
    if (*name == variable) return tensor;
  throw InternalError("a rule uses the variable " + variable + ", which its pattern does not have");
}

bool Match::bind(const std::string& variable, const ir::Tensor& tensor) {
  for (const auto& [name, bound] : bound_)
    if (*name == variable) return bound == tensor;
  bound_.emplace_back(&variable, tensor);
  return true;
}

namespace {

// Depth-first search over the orders of commutative operands. A goal list is a stack in the frames of the recursion,
// which is as deep as the pattern is large.
class Matcher {
 public:
  explicit Matcher(Match& out) : out_(out) {}

  struct Goals {
    const Pattern* pattern;
    const ir::Tensor* tensor;
    const Goals* rest;
  };

  bool solve(const Goals* goals) {
    if (!goals) return true;
    const Pattern& p = *goals->pattern;
    const ir::Tensor& t = *goals->tensor;
    switch (p.kind) {
      case Pattern::Kind::any:
        return solve_any(p, t, goals->rest);
      case Pattern::Kind::constant:
        return ir::splat_value(t) && solve_any(p, t, goals->rest);
      case Pattern::Kind::literal:
        return is_literal(t, p.number) && solve(goals->rest);
      case Pattern::Kind::op:
        return solve_op(p, t, goals->rest);
      case Pattern::Kind::node:
        return t.node().op().name == p.name && solve(goals->rest);
    }
    return false;
  }

 private:
  bool solve_any(const Pattern& p, const ir::Tensor& t, const Goals* rest) {
    const std::size_t mark = out_.bindings();
    if (out_.bind(p.name, t) && solve(rest)) return true;
    out_.unbind_to(mark);
    return false;
  }

  static bool is_literal(const ir::Tensor& t, double number) {
    const auto value = ir::splat_value(t);
    return value && value->as_double() == number;
  }

  bool solve_op(const Pattern& p, const ir::Tensor& t, const Goals* rest) {
    const ir::Node& node = t.node();
    if (node.op().name != p.name || node.inputs().size() != p.operands.size()) return false;
    if (solve_operands(p, node, 0, false, rest)) return true;
    return node.op().commutative && p.operands.size() == 2 && !(node.input(0) == node.input(1)) &&
           solve_operands(p, node, 0, true, rest);
  }

  // Pushes the goals of operands i.. in front of the rest.
  bool solve_operands(const Pattern& p, const ir::Node& node, std::size_t i, bool swapped, const Goals* rest) {
    if (i == p.operands.size()) return solve(rest);
    const std::size_t last = p.operands.size() - 1 - i;
    const Goals goal{&p.operands[last], &node.inputs()[swapped ? 1 - last : last], rest};
    return solve_operands(p, node, i + 1, swapped, &goal);
  }

  Match& out_;
};

}  // namespace

bool match(const Pattern& pattern, const ir::Tensor& tensor, Match& out) {
  const std::size_t mark = out.bindings();
  const Matcher::Goals goal{&pattern, &tensor, nullptr};
  if (Matcher(out).solve(&goal)) return true;
  out.unbind_to(mark);
  return false;
}

ir::Tensor instantiate(const Pattern& pattern, const ir::TensorType& type,
                       const std::function<ir::Tensor(const std::string&, bool)>& variable) {
  const auto build = [&](const Pattern& p, DType dtype, const auto& self) -> ir::Tensor {
    if (p.kind == Pattern::Kind::any || p.kind == Pattern::Kind::constant)
      return variable(p.name, dtype == DType::bool_);
    if (p.kind == Pattern::Kind::literal)
      return ir::cast(ir::full(ir::Literal::real(p.number, DType::f64), type.shape), dtype);
    BITALE_ASSERT(p.kind == Pattern::Kind::op, "the pattern does not say the operands of " + p.name);
    const ir::OpDef* def = ir::find_op(p.name);
    BITALE_ASSERT(def != nullptr, "a pattern names the op " + p.name + ", which is not registered");
    std::vector<ir::Tensor> operands;
    for (std::size_t i = 0; i < p.operands.size(); ++i) {
      const bool boolean = p.name.starts_with("logical_") || (p.name == "where" && i == 0);
      operands.push_back(self(p.operands[i], boolean ? DType::bool_ : type.dtype, self));
    }
    return ir::apply1(*def, def->default_params ? def->default_params() : nullptr, std::move(operands));
  };
  return build(pattern, type.dtype, build);
}

RuleSet::RuleSet(std::vector<const Rule*> rules) : rules_(std::move(rules)) {
  for (const Rule* rule : rules_) {
    BITALE_ASSERT(rule->pattern.kind == Pattern::Kind::op || rule->pattern.kind == Pattern::Kind::node,
                  "rule " + rule->name + ": the root of its pattern is not an op");
    by_op_[rule->pattern.name].push_back(rule);
  }
}

std::span<const Rule* const> RuleSet::for_op(std::string_view op) const {
  const auto it = by_op_.find(op);
  if (it == by_op_.end()) return {};
  return it->second;
}

std::string to_string(const Pattern& pattern) {
  switch (pattern.kind) {
    case Pattern::Kind::any:
    case Pattern::Kind::constant:
      return pattern.name;
    case Pattern::Kind::literal:
      return ir::to_string(ir::Literal::real(pattern.number, DType::f64));
    case Pattern::Kind::node:
      return pattern.name + "(...)";
    case Pattern::Kind::op:
      break;
  }
  std::string text;
  for (const Pattern& p : pattern.operands) text += (text.empty() ? "" : ", ") + to_string(p);
  return pattern.name + "(" + text + ")";
}

std::vector<std::string> split_names(const std::string& list) {
  std::vector<std::string> names;
  std::size_t from = 0;
  while (from < list.size()) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    if (end > from) names.push_back(list.substr(from, end - from));
    from = end + 1;
  }
  return names;
}

}  // namespace bitale::rewrite
