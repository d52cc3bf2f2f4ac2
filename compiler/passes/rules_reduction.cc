// Sums and maxima.
#include <algorithm>
#include <cmath>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;
using rewrite::any;
using rewrite::FreshInput;
using rewrite::Match;
using rewrite::op;
using rewrite::Pattern;
using rewrite::Rule;
using rewrite::RuleClass;

namespace {

using Axes = std::vector<std::int64_t>;

const Axes& axes_of(const Tensor& t) { return params_of<AxesParams>(t).axes; }
bool has(const Axes& axes, std::int64_t k) { return std::binary_search(axes.begin(), axes.end(), k); }

Tensor reduce_like(const Tensor& root, const Tensor& x, Axes axes) {
  return is_op(root, "sum") ? sum(x, std::move(axes)) : max(x, std::move(axes));
}

// Axes of extent 1 need no reduction.
Tensor without_ones(const Match& m) {
  const Tensor& x = m["x"];
  Axes left;
  Shape shape;
  for (std::int64_t k = 0; k < x.rank(); ++k) {
    const bool one = has(axes_of(m.root()), k) && x.dim(static_cast<int>(k)).is(1);
    if (one) continue;
    if (has(axes_of(m.root()), k)) left.push_back(static_cast<std::int64_t>(shape.size()));
    shape.push_back(x.dim(static_cast<int>(k)));
  }
  if (!axes_of(m.root()).empty() && left.size() == axes_of(m.root()).size()) return {};
  return reduce_like(m.root(), reshape(x, shape), left);
}

// The axes of both, in terms of the inner operand.
Tensor merged(const Match& m) {
  const Tensor inner = m.root().node().input(0);
  Axes axes;
  std::int64_t outer = 0;
  for (std::int64_t k = 0; k < m["x"].rank(); ++k)
    if (has(axes_of(inner), k) || has(axes_of(m.root()), outer++)) axes.push_back(k);
  return reduce_like(m.root(), m["x"], axes);
}

// Reduces x itself where the operand repeats it; for a sum also counts how often. Empty if no reduced axis is repeated.
struct Unrepeated {
  Tensor value;
  Dim count{1};
};
Unrepeated unrepeated(const Match& m) {
  const Tensor& x = m["x"];
  const Tensor operand = m.root().node().input(0);
  const std::vector<bool> repeated = repeated_axes(x, operand.shape());
  const std::int64_t missing = operand.rank() - x.rank();
  Unrepeated r;
  Axes axes;   // of x
  Shape kept;  // of x reduced, with the repeated axes that stay as 1
  bool any = false;
  for (std::int64_t k = 0; k < operand.rank(); ++k) {
    const auto i = static_cast<std::size_t>(k);
    const bool reduced = has(axes_of(m.root()), k);
    if (reduced && repeated[i]) r.count = r.count * operand.shape()[i];
    any = any || (reduced && repeated[i]);
    if (reduced && k >= missing) axes.push_back(k - missing);
    if (!reduced) kept.push_back(repeated[i] ? Dim(1) : operand.shape()[i]);
  }
  if (any) r.value = broadcast_to(reshape(reduce_like(m.root(), x, axes), kept), m.root().shape());
  return r;
}

// n copies of x: 0 for n = 0 whatever x is.
Tensor sum_of_broadcast(const Match& m) {
  const Unrepeated r = unrepeated(m);
  if (!r.value || !is_floating(r.value.dtype())) return {};
  const Tensor count = cast(extent(r.count), r.value.dtype());
  if (r.count.is_constant() && r.count.value() > 0) return mul(r.value, count);
  return strong_mul(broadcast_to(count, r.value.shape()), r.value);
}

Tensor max_of_broadcast(const Match& m) {
  const Unrepeated r = unrepeated(m);
  return r.value && !may_be_empty({r.count}) ? r.value : Tensor();
}

// A reduction over everything does not see the shape.
Tensor all_of_view(const Match& m) {
  if (m.root().rank() != 0) return {};
  Axes axes;
  for (std::int64_t k = 0; k < m["x"].rank(); ++k) axes.push_back(k);
  return reduce_like(m.root(), m["x"], axes);
}

// Reduces before transposing.
Tensor of_transpose(const Match& m) {
  const Axes& order = axes_of(m.root().node().input(0));
  Axes axes, left;
  for (std::size_t i = 0; i < order.size(); ++i)
    (has(axes_of(m.root()), static_cast<std::int64_t>(i)) ? axes : left).push_back(order[i]);
  std::sort(axes.begin(), axes.end());
  for (std::int64_t& a : left) a -= std::lower_bound(axes.begin(), axes.end(), a) - axes.begin();
  return transpose(reduce_like(m.root(), m["x"], axes), left);
}

Tensor of_flip(const Match& m) {
  Axes left;
  for (std::int64_t k : axes_of(m.root().node().input(0)))
    if (!has(axes_of(m.root()), k)) left.push_back(k);
  if (left.size() == axes_of(m.root().node().input(0)).size()) return {};
  return reduce_like(m.root(), left.empty() ? m["x"] : flip(m["x"], left), axes_of(m.root()));
}

// x op c for a float x that is summed and a c that is one value for all of it: op is done once, on the sum. An infinite
// or NaN c would change what an empty sum is, so a c that is not known needs something to sum.
Tensor sum_of_scaled(const Match& m, const Tensor& x, const Tensor& c,
                     Tensor (*op)(const Operand&, const Operand&, SourceLine)) {
  if (!is_floating(c.dtype()) || splat_value(x)) return {};
  const auto v = splat_value(c);
  const Tensor scalar = under_broadcast(c);
  if (!v && (scalar == c || !product(scalar.shape()).is(1) || may_be_empty(x.shape()))) return {};
  if (v && !std::isfinite(v->as_double())) return {};
  const Shape& shape = m.root().shape();
  return op(sum(x, axes_of(m.root())), v ? full(*v, shape) : broadcast_to(reshape(scalar, {}), shape), {});
}

Tensor sum_of_product(const Match& m) {
  const Tensor y = sum_of_scaled(m, m["x"], m["c"], mul);
  return y ? y : sum_of_scaled(m, m["c"], m["x"], mul);
}

std::int64_t wrapped_product(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

// A reduction of equal values; max: of at least one.
Tensor of_splat(const Match& m) {
  const auto v = splat_value(m["x"]);
  Dim count(1);
  for (std::int64_t k : axes_of(m.root())) count = count * m["x"].dim(static_cast<int>(k));
  if (!v || !count.is_constant() || (count.value() == 0 && is_op(m.root(), "max"))) return {};
  if (is_op(m.root(), "max")) return full(*v, m.root().shape());
  if (count.value() == 0) return zeros_like(m.root());
  if (!is_floating(v->dtype))
    return full(Literal::integer(wrapped_product(v->as_integer(), count.value()), DType::i64), m.root().shape());
  return full(Literal::real(v->as_double() * static_cast<double>(count.value()), v->dtype), m.root().shape());
}

}  // namespace

const std::vector<Rule>& reduction_rules() {
  constexpr auto f64 = DType::f64;
  constexpr auto rounding = RuleClass::stabilising;  // another order of summation
  static const Pattern x = any("x"), c = any("c");
  const auto sums = [](Pattern p) { return op("sum", {std::move(p)}); };
  const auto maxima = [](Pattern p) { return op("max", {std::move(p)}); };
  const auto under = [](const char* name, Pattern p) { return op(name, {std::move(p)}); };
  static const std::vector<Rule> rules{
      {.name = "sum-ones",
       .pattern = sums(x),
       .result = without_ones,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{sum(fresh(f64, {1, 3}), {0}), sum(fresh(f64, {1, 3}), {0, 1}),
                                sum(fresh(DType::i32, {3, 1}), {1}),
                                apply1(*find_op("sum"), make_params(AxesParams{}), {fresh(f64, {2})})};
           }},
      {.name = "max-ones",
       .pattern = maxima(x),
       .result = without_ones,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{max(fresh(f64, {1, 3}), {0}), max(fresh(f64, {1, 3}), {0, 1})};
           }},
      {.name = "sum-sum",
       .pattern = sums(sums(x)),
       .result = merged,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{sum(sum(fresh(f64, {2, 3, 4}), {1}), {1}),
                                sum(sum(fresh(DType::i32, {2, 3, 4}), {0}), {0})};
           }},
      {.name = "max-max",
       .pattern = maxima(maxima(x)),
       .result = merged,
       .left_sides = [](const FreshInput& fresh) { return std::vector{max(max(fresh(f64, {2, 3, 4}), {1}), {1})}; }},
      {.name = "sum-splat",
       .pattern = sums(x),
       .result = of_splat,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput&) {
             return std::vector{sum(full(Literal::real(0.1, f64), {2, 3}), {1}),
                                sum(full(Literal::integer(100, DType::i8), {7}), {0}),
                                sum(full(Literal::real(NAN, f64), {0}), {0})};
           }},
      {.name = "max-splat",
       .pattern = maxima(x),
       .result = of_splat,
       .left_sides = [](const FreshInput&) { return std::vector{max(full(Literal::real(0.1, f64), {2, 3}), {1})}; }},
      {.name = "sum-broadcast",
       .pattern = sums(under("broadcast_to", x)),
       .result = sum_of_broadcast,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{sum(broadcast_to(fresh(f64, {3, 1}), {2, 3, 4}), {0, 1}),
                                sum(broadcast_to(fresh(f64, {3, 1}), {2, 3, 4}), {0, 2}),
                                sum(broadcast_to(fresh(f64, {3}), {0, 3}), {0}),
                                sum(broadcast_to(fresh(f64, {}), {5}), {0})};
           }},
      {.name = "max-broadcast",
       .pattern = maxima(under("broadcast_to", x)),
       .result = max_of_broadcast,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{max(broadcast_to(fresh(f64, {3, 1}), {2, 3, 4}), {0, 1}),
                                max(broadcast_to(fresh(f64, {}), {5}), {0})};
           }},
      {.name = "sum-all-reshape",
       .pattern = sums(under("reshape", x)),
       .result = all_of_view,
       .rule_class = rounding,
       .left_sides = [](const FreshInput& fresh) { return std::vector{sum(reshape(fresh(f64, {2, 3}), {6}), {0})}; }},
      {.name = "max-all-reshape",
       .pattern = maxima(under("reshape", x)),
       .result = all_of_view,
       .left_sides = [](const FreshInput& fresh) { return std::vector{max(reshape(fresh(f64, {2, 3}), {6}), {0})}; }},
      {.name = "sum-transpose",
       .pattern = sums(under("transpose", x)),
       .result = of_transpose,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{sum(transpose(fresh(f64, {2, 3, 4}), {2, 0, 1}), {1}),
                                sum(transpose(fresh(f64, {2, 3})), {0, 1})};
           }},
      {.name = "max-transpose",
       .pattern = maxima(under("transpose", x)),
       .result = of_transpose,
       .left_sides =
           [](const FreshInput& fresh) { return std::vector{max(transpose(fresh(f64, {2, 3, 4}), {2, 0, 1}), {1})}; }},
      {.name = "sum-flip",
       .pattern = sums(under("flip", x)),
       .result = of_flip,
       .rule_class = rounding,
       .left_sides = [](const FreshInput& fresh) { return std::vector{sum(flip(fresh(f64, {2, 3}), {0, 1}), {1})}; }},
      {.name = "sum-scaled",
       .pattern = sums(x * c),
       .result = sum_of_product,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {2, 3}), s = fresh(f64, {});
             return std::vector{sum(mul(t, 2.5), {1}), sum(mul(2.5, t), {1}), sum(mul(t, s), {0, 1}),
                                sum(mul(s, t), {0, 1})};
           }},
      {.name = "sum-divided",
       .pattern = sums(x / c),
       .result = [](const Match& m) { return sum_of_scaled(m, m["x"], m["c"], div); },
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {2, 3});
             return std::vector{sum(div(t, 3.0), {1}), sum(div(t, fresh(f64, {})), {0})};
           }},
      {"sum-neg",
       sums(-x),
       if_float([](const Match& m) { return neg(sum(m["x"], axes_of(m.root()))); }),
       rounding,
       {},
       -3,
       3,
       f64,
       [](const FreshInput& fresh) { return std::vector{sum(neg(fresh(f64, {2, 3})), {1})}; }},
  };
  return rules;
}

}  // namespace bitale::passes
