// Maxima and minima of what grows or falls with its operand: the extremum of the operand is found first, so that one
// element is computed instead of all.
#include <algorithm>
#include <cmath>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

const Axes& axes_of(const Tensor& t) { return params_of<AxesParams>(t).axes; }

Tensor extremum(bool largest, const Tensor& x, const Axes& axes) { return largest ? max(x, axes) : min(x, axes); }

bool is_max(const Match& m) { return is_op(m.root(), "max"); }

// At least one element is reduced, and nobody else reads all of them.
bool applies(const Match& m) {
  const Tensor& x = m.root().node().input(0);
  Shape reduced;
  for (std::int64_t k : axes_of(m.root())) reduced.push_back(x.dim(static_cast<int>(k)));
  return !may_be_empty(reduced) && !product(reduced).is(1) && only_read_by(m, x, m.root().node());
}

// f(x) for an f that grows.
Tensor of_growing(const Match& m) {
  static const char* const growing[] = {"exp",  "expm1",   "log",      "log1p", "sqrt",
                                        "tanh", "sigmoid", "softplus", "relu",  "erf"};
  const Tensor& y = m.root().node().input(0);
  if (std::find(std::begin(growing), std::end(growing), y.node().op().name) == std::end(growing) || !applies(m))
    return {};
  return apply1(y.node().op(), y.node().params(), {extremum(is_max(m), y.node().input(0), axes_of(m.root()))});
}

Tensor of_neg(const Match& m) {
  return is_floating(m["x"].dtype()) && applies(m) ? neg(extremum(!is_max(m), m["x"], axes_of(m.root()))) : Tensor();
}

// What c is once the axes are reduced along which it is repeated; empty if it is not.
Tensor along(const Tensor& c, const Tensor& root) {
  if (const auto v = splat_value(c)) return full(*v, root.shape());
  const Tensor x = under_broadcast(c);
  if (x == c) return {};
  const std::vector<bool> repeated = repeated_axes(x, c.shape());
  Shape kept;
  const std::int64_t missing = c.rank() - x.rank();
  for (std::int64_t k = 0; k < c.rank(); ++k) {
    if (has(axes_of(root), k) && !repeated[static_cast<std::size_t>(k)]) return {};
    if (!has(axes_of(root), k) && k >= missing) kept.push_back(x.dim(static_cast<int>(k - missing)));
  }
  return broadcast_to(reshape(x, kept), root.shape());
}

// x + c or x - c. Adding rounds, but never the larger below the smaller.
Tensor of_shifted(const Match& m, Tensor (*f)(const Operand&, const Operand&, SourceLine)) {
  if (!is_floating(m["x"].dtype()) || !applies(m)) return {};
  const Tensor c = along(m["c"], m.root());
  if (c) return f(extremum(is_max(m), m["x"], axes_of(m.root())), c, {});
  const Tensor x = f == add ? along(m["x"], m.root()) : Tensor();
  return x ? f(x, extremum(is_max(m), m["c"], axes_of(m.root())), {}) : Tensor();
}

// x times a constant: one below zero turns the order round.
Tensor of_scaled(const Match& m) {
  const double c = splat_value(m["c"])->as_double();
  if (!is_floating(m["x"].dtype()) || !std::isfinite(c) || c == 0 || !applies(m)) return {};
  return mul(extremum((c > 0) == is_max(m), m["x"], axes_of(m.root())), along(m["c"], m.root()));
}

void add_rows_of(const std::string& name, std::vector<Rule>& rules) {
  constexpr auto f64 = DType::f64;
  constexpr auto stabilising = RuleClass::stabilising;  // infinities that meet, logarithms of what is negative
  static const Pattern x = any("x"), c = any("c"), number = rewrite::constant("c");
  const auto over = [name](Pattern p) { return op(name, {std::move(p)}); };
  const bool largest = name == "max";
  rules.push_back({.name = name + "-growing",
                   .pattern = over(x),
                   .result = of_growing,
                   .rule_class = stabilising,
                   .left_sides = [largest](const FreshInput& fresh) {
                     const auto of = [&](const char* f, Axes axes) {
                       return extremum(largest, call(f, {fresh(f64, {2, 3})}), axes);
                     };
                     return std::vector{of("exp", {1}), of("tanh", {0}), of("sigmoid", {0, 1}),
                                        of("log", {1}), of("sqrt", {1}), of("relu", {0})};
                   }});
  rules.push_back({.name = name + "-neg",
                   .pattern = over(-x),
                   .result = of_neg,
                   .rule_class = stabilising,
                   .left_sides = [largest](const FreshInput& fresh) {
                     return std::vector{extremum(largest, neg(fresh(f64, {2, 3})), {1}),
                                        extremum(largest, neg(fresh(f64, {2, 3})), {0, 1})};
                   }});
  rules.push_back({.name = name + "-shifted",
                   .pattern = over(x + c),
                   .result = [](const Match& m) { return of_shifted(m, add); },
                   .rule_class = stabilising,
                   .left_sides =
                       [largest](const FreshInput& fresh) {
                         const Tensor t = fresh(f64, {2, 3}), rows = broadcast_to(fresh(f64, {2, 1}), {2, 3});
                         return std::vector{extremum(largest, add(t, rows), {1}), extremum(largest, add(rows, t), {1}),
                                            extremum(largest, add(t, 2.5), {0})};
                       }});
  rules.push_back({.name = name + "-shifted-down",
                   .pattern = over(x - c),
                   .result = [](const Match& m) { return of_shifted(m, sub); },
                   .rule_class = stabilising,
                   .left_sides =
                       [largest](const FreshInput& fresh) {
                         return std::vector{
                             extremum(largest, sub(fresh(f64, {2, 3}), broadcast_to(fresh(f64, {3}), {2, 3})), {0})};
                       }});
  rules.push_back({.name = name + "-scaled",
                   .pattern = over(x * number),
                   .result = of_scaled,
                   .rule_class = stabilising,
                   .left_sides = [largest](const FreshInput& fresh) {
                     return std::vector{extremum(largest, mul(fresh(f64, {2, 3}), 2.5), {1}),
                                        extremum(largest, mul(fresh(f64, {2, 3}), -0.5), {1})};
                   }});
}

}  // namespace

const std::vector<Rule>& extremum_rules() {
  static const std::vector<Rule> rules = [] {
    std::vector<Rule> all;
    add_rows_of("max", all);
    add_rows_of("min", all);
    return all;
  }();
  return rules;
}

}  // namespace bitale::passes
