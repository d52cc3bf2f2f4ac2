// Factors and divisors that are the same for everything that is summed together leave the sum.
#include <algorithm>
#include <cmath>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

constexpr std::size_t most_factors = 8;  // of one product

const Axes& axes_of(const Tensor& sum) { return params_of<AxesParams>(sum).axes; }

// t without the summed axes, along which it is one value: a finite constant or something repeated. Else empty.
Tensor along_sum(const Tensor& t, const Tensor& sum) {
  if (const auto v = splat_value(t)) return std::isfinite(v->as_double()) ? full(*v, sum.shape()) : Tensor();
  const Tensor x = under_broadcast(t);
  if (x == t) return {};
  const std::vector<bool> repeated = repeated_axes(x, t.shape());
  for (std::int64_t k : axes_of(sum))
    if (!repeated[static_cast<std::size_t>(k)]) return {};
  Shape kept;  // x without them
  const std::int64_t missing = t.rank() - x.rank();
  for (std::int64_t k = missing; k < t.rank(); ++k)
    if (!has(axes_of(sum), k)) kept.push_back(x.dim(static_cast<int>(k - missing)));
  return broadcast_to(reshape(x, kept), sum.shape());
}

// y, but 0 if nothing was summed: then an infinite factor must not turn the empty sum into NaN.
Tensor unless_empty(const Tensor& y, const Tensor& sum) {
  Shape summed;
  for (std::int64_t k : axes_of(sum)) summed.push_back(sum.node().input(0).dim(static_cast<int>(k)));
  if (!may_be_empty(summed)) return y;
  const Tensor something = cast(extent(min(product(summed), Dim(1))), y.dtype());
  return strong_mul(broadcast_to(something, y.shape()), y);
}

// The factors of a product, in order: those that leave the sum, and the others.
struct Factors {
  std::vector<Tensor> leaving, staying;
  bool known = true;  // all that leave are constants
};

Factors factors_of(const Tensor& product, const Tensor& sum) {
  Factors f;
  std::vector<Tensor> stack{product};
  while (!stack.empty()) {
    const Tensor t = stack.back();
    stack.pop_back();
    if (is_op(t, "mul") && !splat_value(t) && stack.size() + f.leaving.size() + f.staying.size() + 2 <= most_factors) {
      stack.push_back(t.node().input(1));
      stack.push_back(t.node().input(0));
      continue;
    }
    const Tensor outside = along_sum(t, sum);
    if (outside && !splat_value(t)) f.known = false;
    (outside ? f.leaving : f.staying).push_back(outside ? outside : t);
  }
  return f;
}

// In memory anyhow, or needed by others: a sum of it makes nobody compute it twice.
bool is_there(const Match& m, const Tensor& t) { return t.node().op().leaf != Leaf::none || m.uses(t) > 1; }

Tensor sum_of_product(const Match& m) {
  const Tensor sum = m.root(), product = sum.node().input(0);
  if (!is_floating(product.dtype())) return {};
  const Factors f = factors_of(product, sum);
  if (f.leaving.empty() || f.staying.empty()) return {};
  const bool gone = only_read_by(m, product, sum.node());
  if (!f.known && !gone &&
      !std::all_of(f.staying.begin(), f.staying.end(), [&](const Tensor& t) { return is_there(m, t); }))
    return {};
  Tensor inside = f.staying[0], factor = f.leaving[0];
  for (std::size_t i = 1; i < f.staying.size(); ++i) inside = mul(inside, f.staying[i]);
  for (std::size_t i = 1; i < f.leaving.size(); ++i) factor = mul(factor, f.leaving[i]);
  const Tensor scaled = mul(ir::sum(inside, axes_of(sum)), factor);
  return f.known ? scaled : unless_empty(scaled, sum);
}

Tensor sum_of_quotient(const Match& m) {
  const Tensor sum = m.root(), quotient = sum.node().input(0);
  const Tensor divisor = along_sum(m["c"], sum);
  if (!is_floating(quotient.dtype()) || splat_value(m["x"]) || !divisor) return {};
  const bool known = splat_value(divisor).has_value();
  if (!known && !only_read_by(m, quotient, sum.node()) && !is_there(m, m["x"])) return {};
  const Tensor scaled = div(ir::sum(m["x"], axes_of(sum)), divisor);
  // 0 / c is 0 but for a c of 0 or NaN.
  return known && splat_value(divisor)->as_double() != 0 ? scaled : unless_empty(scaled, sum);
}

// strong_mul(x, d): 0 where x is 0. A sum of x that is 0, of nothing or of what cancels, gives 0: where that differs
// from the left side, d is infinite or NaN, and so was the left side.
Tensor sum_of_strong_product(const Match& m) {
  const Tensor sum = m.root(), product = sum.node().input(0);
  const Tensor d = along_sum(m["d"], sum);
  if (!d || splat_value(m["x"]) || (!only_read_by(m, product, sum.node()) && !is_there(m, m["x"]))) return {};
  return strong_mul(ir::sum(m["x"], axes_of(sum)), d);
}

Tensor sum_of_neg(const Match& m) {
  return is_floating(m["x"].dtype()) ? neg(sum(m["x"], axes_of(m.root()))) : Tensor();
}

}  // namespace

const std::vector<Rule>& factor_rules() {
  constexpr auto f64 = DType::f64;
  constexpr auto rounding = RuleClass::stabilising;  // another order of summation
  static const Pattern x = any("x"), c = any("c"), d = any("d");
  const auto sums = [](Pattern p) { return op("sum", {std::move(p)}); };
  static const std::vector<Rule> rules{
      {.name = "sum-scaled",
       .pattern = sums(rewrite::node("mul")),
       .result = sum_of_product,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {2, 3}), s = fresh(f64, {}), u = fresh(f64, {2, 3});
             const Tensor rows = broadcast_to(fresh(f64, {2, 1}), {2, 3}),
                          columns = broadcast_to(fresh(f64, {3}), {2, 3});
             const Tensor empty = broadcast_to(fresh(f64, {2, 1}), {2, 0});
             return std::vector{sum(mul(t, 2.5), {1}),
                                sum(mul(2.5, t), {1}),
                                sum(mul(t, s), {0, 1}),
                                sum(mul(s, t), {0, 1}),
                                sum(mul(t, rows), {1}),
                                sum(mul(columns, t), {0}),
                                sum(mul(mul(t, rows), mul(u, rows)), {1}),
                                sum(mul(mul(2.5, columns), mul(columns, t)), {0}),
                                sum(mul(fresh(f64, {2, 0}), empty), {1})};
           }},
      {.name = "sum-divided",
       .pattern = sums(x / c),
       .result = sum_of_quotient,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {2, 3});
             const Tensor rows = broadcast_to(fresh(f64, {2, 1}), {2, 3}),
                          empty = broadcast_to(fresh(f64, {2, 1}), {2, 0});
             return std::vector{sum(div(t, 3.0), {1}), sum(div(t, fresh(f64, {})), {0}),
                                sum(div(fresh(f64, {2, 3}), rows), {1}), sum(div(fresh(f64, {2, 0}), empty), {1}),
                                sum(div(fresh(f64, {0, 2}), 0.0), {0})};
           }},
      {.name = "sum-strongly-scaled",
       .pattern = sums(op("strong_mul", {x, d})),
       .result = sum_of_strong_product,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor rows = broadcast_to(fresh(f64, {2, 1}), {2, 3}),
                          empty = broadcast_to(fresh(f64, {2, 1}), {2, 0});
             return std::vector{sum(strong_mul(fresh(f64, {2, 3}), rows), {1}),
                                sum(strong_mul(fresh(f64, {2, 0}), empty), {1})};
           }},
      {.name = "sum-neg",
       .pattern = sums(-x),
       .result = sum_of_neg,
       .rule_class = rounding,
       .left_sides = [](const FreshInput& fresh) { return std::vector{sum(neg(fresh(f64, {2, 3})), {1})}; }},
  };
  return rules;
}

}  // namespace bitale::passes
