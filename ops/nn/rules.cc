#include "ops/nn/rules.h"

#include <algorithm>
#include <vector>

#include "ops/api/elementwise.h"
#include "ops/api/index.h"
#include "ops/api/reduce.h"
#include "ops/nn/softmax.h"

namespace bitale::ops {

using rewrite::any;
using rewrite::FreshInput;
using rewrite::Match;
using rewrite::op;
using rewrite::Pattern;
using rewrite::Rule;
using rewrite::RuleClass;

namespace {

bool is_op(const Tensor& t, std::string_view name) { return t.node().op().name == name; }

// The axis of the softmax or log_softmax that is the root's operand.
int axis_below(const Match& m) {
  return static_cast<int>(m.root().node().input(0).node().params_as<SoftmaxParams>().axis);
}

// x without a maximum along the axis that was subtracted: softmax is the same for both.
Tensor unshifted(const Tensor& x, int axis) {
  if (!is_op(x, "sub")) return x;
  Tensor shift = x.node().input(1);
  while (is_op(shift, "broadcast_to") || is_op(shift, "reshape") || is_op(shift, "minimum") ||
         is_op(shift, "stop_gradient"))
    shift = shift.node().input(0);
  const Tensor& from = x.node().input(0);
  const bool same = is_op(shift, "max") && shift.node().input(0) == from &&
                    shift.node().params_as<ir::AxesParams>().axes == std::vector<std::int64_t>{axis};
  return same ? from : x;
}

// exp(x) / s where s is the sum of exp(x) along one axis, repeated along it.
Tensor softmax_of_quotient(const Match& m) {
  const Tensor &x = m["x"], &s = m["s"];
  Tensor sum = s;
  while (is_op(sum, "broadcast_to") || is_op(sum, "reshape")) sum = sum.node().input(0);
  if (!is_op(sum, "sum") || !(sum.node().input(0) == m.root().node().input(0))) return {};
  const auto& axes = sum.node().params_as<ir::AxesParams>().axes;
  if (axes.size() != 1) return {};
  const auto axis = static_cast<int>(axes[0]);
  const Tensor repeated = ir::broadcast_to(ir::expand_dims(sum, axis), x.shape());
  const bool leading = axis == 0 && s == ir::broadcast_to(sum, x.shape());
  return leading || s == repeated ? softmax(unshifted(x, axis), axis) : Tensor();
}

// sum(pick_backward(dy, i)) over the axis that pick_backward made (and others).
Tensor sum_of_picked(const Match& m) {
  const Tensor& dy = m["dy"];
  auto axes = m.root().node().params_as<ir::AxesParams>().axes;
  if (axes.empty() || axes.back() != dy.rank() || m.root().dtype() != dy.dtype()) return {};
  axes.pop_back();
  return axes.empty() ? dy : ir::sum(dy, axes);
}

// log(pick(softmax(x), i)): along the last axis.
Tensor log_of_picked(const Match& m) {
  const Tensor& p = m.root().node().input(0).node().input(0);
  const auto axis = static_cast<int>(p.node().params_as<SoftmaxParams>().axis);
  return pick(log_softmax(m["x"], axis), m["i"]);
}

// y * (pick_backward(g / pick(y, i), i) - x).
Tensor difference_from_picked(const Match& m) {
  const Tensor &y = m["y"], &s = m["s"], &i = m["i"];
  if (!is_op(s, "pick") || !(s.node().input(0) == y) || !(s.node().input(1) == i)) return {};
  return pick_backward(m["g"], i, y.shape().back()) - y * m["x"];
}

Tensor picked_rows(const FreshInput& fresh, std::int64_t n) { return fresh(DType::i64, {n}); }

Tensor logits(const FreshInput& fresh) { return fresh(DType::f64, {3, 4}); }

const std::vector<Rule>& table() {
  constexpr auto stabilising = RuleClass::stabilising;
  static const Pattern x = any("x"), y = any("y"), s = any("s"), g = any("g"), dy = any("dy"), i = any("i");
  static const std::vector<Rule> rules{
      {.name = "log-of-softmax",
       .pattern = op("log", {op("softmax", {x})}),
       .result = [](const Match& m) { return log_softmax(m["x"], axis_below(m)); },
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{log(softmax(logits(fresh), 0)), log(softmax(logits(fresh), 1))};
           }},
      {.name = "exp-of-log-softmax",
       .pattern = op("exp", {op("log_softmax", {x})}),
       .result = [](const Match& m) { return softmax(m["x"], axis_below(m)); },
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{exp(log_softmax(logits(fresh), 0)), exp(log_softmax(logits(fresh), 1))};
           }},
      {.name = "softmax-of-quotient",
       .pattern = op("exp", {x}) / s,
       .result = softmax_of_quotient,
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor z = logits(fresh), e = exp(z), shifted = exp(z - max(z, {1}, true));
             return std::vector{e / sum(e, {1}, true), e / sum(e, {0}, true), e / ir::sum(e, {0}),
                                shifted / sum(shifted, {1}, true)};
           }},
      {.name = "log-of-exp-quotient",
       .pattern = op("log", {op("exp", {x}) / y}),
       .result = [](const Match& m) { return m["x"] - log(m["y"]); },
       .rule_class = stabilising,
       .low = 0.1},
      // The gradient of log(softmax) is y * (g/y - s) with y the softmax, which underflows: g - y*s does not.
      {"scaled-by-quotient", y * op("strong_mul", {g, 1.0 / y}), [](const Match& m) { return m["g"]; }, stabilising},
      {"scaled-difference-from-quotient", y * (op("strong_mul", {g, 1.0 / y}) - s),
       [](const Match& m) { return m["g"] - m["y"] * m["s"]; }, stabilising},
      {.name = "log-of-picked-softmax",
       .pattern = op("log", {op("pick", {op("softmax", {x}), i})}),
       .result = log_of_picked,
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{log(pick(softmax(logits(fresh), 1), picked_rows(fresh, 3)))};
           }},
      // The gradient of log(pick(y, i)) for a softmax y: its quotients by what was picked cancel before they underflow.
      {.name = "product-with-picked",
       .pattern = y * op("pick_backward", {dy, i}),
       .result =
           [](const Match& m) { return pick_backward(m["dy"] * pick(m["y"], m["i"]), m["i"], m["y"].shape().back()); },
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{logits(fresh) * pick_backward(fresh(DType::f64, {3}), picked_rows(fresh, 3), 4)};
           }},
      {.name = "difference-from-picked-quotient",
       .pattern = y * (op("pick_backward", {op("strong_mul", {g, 1.0 / s}), i}) - x),
       .result = difference_from_picked,
       .rule_class = stabilising,
       .low = 0.1,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor z = logits(fresh), p = pick(z, picked_rows(fresh, 3)), rows = p.node().input(1);
             const Tensor quotient = ir::strong_mul(fresh(DType::f64, {3}), 1 / p);
             return std::vector{z * (pick_backward(quotient, rows, 4) - fresh(DType::f64, {3, 4}))};
           }},
      // The gradient of cross_entropy in the logits: softmax * sum(picked) - picked. Indices outside are data errors.
      {.name = "sum-of-picked",
       .pattern = op("sum", {op("pick_backward", {dy, i})}),
       .result = sum_of_picked,
       .rule_class = stabilising,
       .low = -3,
       .high = 3,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor picked = pick_backward(fresh(DType::f64, {3, 4}), fresh(DType::i64, {3, 4}), 5);
             return std::vector{ir::sum(picked, {2}), ir::sum(picked, {0, 2}), ir::sum(picked, {0, 1, 2})};
           }},
  };
  return rules;
}

// A slice that takes whole rows of a softmax or log_softmax that nobody else reads.
Tensor slice_of_softmax(const Match& m) {
  const Tensor& y = m.root().node().input(0);
  if ((!is_op(y, "softmax") && !is_op(y, "log_softmax")) || m.uses(y) > 1) return {};
  const auto& p = m.root().node().params_as<ir::SliceParams>();
  const auto axis = static_cast<std::size_t>(axis_below(m));
  if (p.extents == y.shape() || !(p.extents[axis] == y.shape()[axis]) || !p.starts[axis].is(0) || p.steps[axis] != 1)
    return {};
  return apply1(y.node().op(), y.node().params(), {slice(y.node().input(0), p.starts, p.extents, p.steps)});
}

// The largest probability is that of the largest logit. (Where the softmax is NaN, all along the axis, or rounds two
// elements to one, the left side gives the first of them.)
Tensor argmax_of_softmax(const Match& m) {
  const Tensor& y = m.root().node().input(0);
  const auto& axes = m.root().node().params_as<ir::AxesParams>().axes;
  if ((!is_op(y, "softmax") && !is_op(y, "log_softmax")) || axes != std::vector<std::int64_t>{axis_below(m)}) return {};
  return ir::argmax(y.node().input(0), axes);
}

const std::vector<Rule>& algebra_table() {
  static const Pattern x = any("x");
  static const std::vector<Rule> rules{
      {.name = "slice-softmax",
       .pattern = op("slice", {x}),
       .result = slice_of_softmax,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{ir::slice(softmax(logits(fresh), 1), {1, 0}, {2, 4}, {1, 1}),
                                ir::slice(softmax(logits(fresh), 0), {0, 3}, {3, 2}, {1, -2}),
                                ir::slice(log_softmax(logits(fresh), 1), {2, 0}, {1, 4}, {1, 1})};
           }},
      {.name = "argmax-of-softmax",
       .pattern = op("argmax", {x}),
       .result = argmax_of_softmax,
       .rule_class = RuleClass::stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{ir::argmax(softmax(logits(fresh), 1), {1}),
                                ir::argmax(log_softmax(logits(fresh), 0), {0})};
           }},
  };
  return rules;
}

}  // namespace

std::span<const Rule* const> nn_rules() {
  static const auto list = rewrite::rule_list({&table()});
  return list;
}

std::span<const Rule* const> nn_algebra_rules() {
  static const auto list = rewrite::rule_list({&algebra_table()});
  return list;
}

}  // namespace bitale::ops
