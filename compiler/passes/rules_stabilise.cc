#include <algorithm>
#include <limits>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

Pattern exp(Pattern p) { return op("exp", {std::move(p)}); }
Pattern log(Pattern p) { return op("log", {std::move(p)}); }
Pattern log1p(Pattern p) { return op("log1p", {std::move(p)}); }
Pattern sigmoid(Pattern p) { return op("sigmoid", {std::move(p)}); }

// name(x), name(-x), -name(x), -name(-x).
Result of_x(const char* name) {
  return [=](const Match& m) { return call(name, {m["x"]}); };
}
Result of_minus_x(const char* name) {
  return [=](const Match& m) { return call(name, {neg(m["x"])}); };
}
Result minus_of_x(const char* name) {
  return [=](const Match& m) { return neg(call(name, {m["x"]})); };
}
Result minus_of_minus_x(const char* name) {
  return [=](const Match& m) { return neg(call(name, {neg(m["x"])})); };
}

bool is_extremum(Tensor t) {
  static const char* const over[] = {"broadcast_to", "reshape", "minimum", "stop_gradient", "neg"};
  while (std::find(std::begin(over), std::end(over), t.node().op().name) != std::end(over)) t = t.node().input(0);
  return is_op(t, "max") || is_op(t, "min");
}

// x - max(x), as the rule below makes it, or what other rules make of -x - max(-x): its exponential is at most 1.
bool is_shifted(const Tensor& x) {
  if (is_op(x, "sub")) return is_extremum(x.node().input(1));
  if (!is_op(x, "neg") || !is_op(x.node().input(0), "add")) return false;
  const Node& sum = x.node().input(0).node();
  return is_extremum(sum.input(0)) || is_extremum(sum.input(1));
}

// exp(x - max) and its sum, over the axes of `sum`. An infinite maximum is shifted by the largest number: what is
// finite beside it then gives 0, not NaN.
struct Shifted {
  Tensor exponentials, total;
};
Shifted shifted(const Tensor& x, const Tensor& sum) {
  const auto& axes = params_of<AxesParams>(sum).axes;
  Shape kept = x.shape();
  for (std::int64_t a : axes) kept[static_cast<std::size_t>(a)] = Dim(1);
  Shifted s;
  const Tensor shift = minimum(max(x, axes), largest_of(x.dtype()));
  // The result does not depend on the shift: neither does its derivative.
  s.exponentials = call("exp", {sub(x, broadcast_to(reshape(stop_gradient(shift), kept), x.shape()))});
  s.total = ir::sum(s.exponentials, axes);
  return s;
}

// log(sum(exp(x))).
Tensor log_sum_exp(const Match& m) {
  const OpDef* op = find_op("logsumexp");
  return op ? apply1(*op, m.root().node().input(0).node().params(), {m["x"]}) : Tensor();
}

// exp(x) / broadcast(sum(exp(x))): both are scaled by exp(-max).
Tensor softmax(const Match& m) {
  if (is_shifted(m["x"])) return {};
  Tensor sum = m["s"];
  while (is_op(sum, "broadcast_to") || is_op(sum, "reshape")) sum = sum.node().input(0);
  if (!is_op(sum, "sum") || !(sum.node().input(0) == m.root().node().input(0))) return {};
  const auto& axes = params_of<AxesParams>(sum).axes;
  Shape kept = m["x"].shape();
  for (std::int64_t a : axes) kept[static_cast<std::size_t>(a)] = Dim(1);
  // The repeated axes must be the summed ones, with or without the leading ones written out.
  const auto trailing = std::find_if(kept.begin(), kept.end(), [](const Dim& d) { return !d.is(1); });
  const bool aligned = sum.shape() == Shape(trailing, kept.end()) && m["s"] == broadcast_to(sum, m["x"].shape());
  if (!aligned && !(m["s"] == broadcast_to(reshape(sum, kept), m["x"].shape()))) return {};
  const Shifted s = shifted(m["x"], sum);
  return div(s.exponentials, broadcast_to(reshape(s.total, kept), m["x"].shape()));
}

// log(exp(x) + exp(y)). Selects instead of maximum and abs: their derivatives at x = y would be those of a kink.
Tensor log_add_exp(const Match& m) {
  const Tensor &x = m["x"], &y = m["y"];
  const Tensor smaller = ir::less(x, y);
  const Tensor high = ir::where(smaller, y, x), low = ir::where(smaller, x, y);
  return add(high, call("softplus", {sub(low, high)}));
}

// Only where the sigmoid itself is not needed: else it costs another exponential, as in the derivative s*(1 - s).
Tensor one_minus_sigmoid(const Match& m) {
  return m.uses(m.root().node().input(1)) > 1 ? Tensor() : call("sigmoid", {neg(m["x"])});
}

Tensor exp_left(const FreshInput& fresh) { return call("exp", {fresh(DType::f64, {2, 3})}); }

const std::vector<Rule>& stabilise_table() {
  constexpr auto stabilising = RuleClass::stabilising;
  static const Pattern x = any("x"), y = any("y"), s = any("s");
  static const std::vector<Rule> rules{
      // ---- log, exp, expm1, log1p ----
      {"log-one-plus", log(1.0 + x), of_x("log1p"), stabilising},
      {"log-one-minus", log(1.0 - x), of_minus_x("log1p"), stabilising},
      {"exp-minus-one", exp(x) - 1.0, of_x("expm1"), stabilising},
      {"one-minus-exp", 1.0 - exp(x), minus_of_x("expm1"), stabilising},
      {"log1p-of-expm1", log1p(op("expm1", {x})), keep("x"), stabilising},

      // ---- sigmoid and softplus ----
      {"one-over-one-plus-exp-neg", 1.0 / (1.0 + exp(-x)), of_x("sigmoid"), stabilising},
      {"one-over-one-plus-exp", 1.0 / (1.0 + exp(x)), of_minus_x("sigmoid"), stabilising},
      {"exp-over-one-plus-exp", exp(x) / (1.0 + exp(x)), of_x("sigmoid"), stabilising},
      {"one-minus-sigmoid", 1.0 - sigmoid(x), one_minus_sigmoid, stabilising},
      {"exp-times-sigmoid-neg", exp(x) * sigmoid(-x), of_x("sigmoid"), stabilising},
      {"sigmoid-over-one-minus", sigmoid(x) / sigmoid(-x), of_x("exp"), stabilising},
      {"log-of-sigmoid", log(sigmoid(x)), minus_of_minus_x("softplus"), stabilising},
      {"log-one-minus-sigmoid", log(1.0 - sigmoid(x)), minus_of_x("softplus"), stabilising},
      {"log1p-neg-sigmoid", log1p(-sigmoid(x)), minus_of_x("softplus"), stabilising},
      {"log1p-of-exp", log1p(exp(x)), of_x("softplus"), stabilising},
      {"log-one-plus-exp", log(1.0 + exp(x)), of_x("softplus"), stabilising},

      // ---- tanh ----
      {"tanh-from-exp", (exp(x) - exp(-x)) / (exp(x) + exp(-x)), of_x("tanh"), stabilising},
      {"tanh-from-sigmoid", 2.0 * sigmoid(2.0 * x) - 1.0, of_x("tanh"), stabilising},
      {"tanh-from-sigmoid-of-sum", 2.0 * sigmoid(x + x) - 1.0, of_x("tanh"), stabilising},

      // ---- sums of exponentials ----
      {"log-add-exp", log(exp(x) + exp(y)), log_add_exp, stabilising},
      {.name = "log-sum-exp",
       .pattern = log(op("sum", {exp(x)})),
       .result = log_sum_exp,
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{call("log", {sum(exp_left(fresh), {1})}), call("log", {sum(exp_left(fresh), {0, 1})})};
           }},
      {.name = "softmax",
       .pattern = exp(x) / s,
       .result = softmax,
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor e = exp_left(fresh);
             return std::vector{div(e, reshape(sum(e, {1}), {2, 1})), div(e, sum(e, {0})), div(e, sum(e, {0, 1}))};
           }},
  };
  return rules;
}

}  // namespace

std::span<const Rule* const> algebra_rules() {
  static const auto list = rewrite::rule_list({&arithmetic_rules(), &cancel_rules(), &logic_rules(), &movement_rules(),
                                               &slice_rules(), &lift_rules(), &region_rules(), &reduction_rules(),
                                               &factor_rules(), &extremum_rules(), &dot_rules()});
  return list;
}

std::span<const Rule* const> stabilising_rules() {
  static const auto list = rewrite::rule_list({&stabilise_table()});
  return list;
}

}  // namespace bitale::passes
