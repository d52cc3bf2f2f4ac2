// Reductions: of one value, of repeated, moved and already reduced operands.
#include <algorithm>
#include <cmath>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

const Axes& axes_of(const Tensor& t) { return params_of<AxesParams>(t).axes; }

Tensor reduced(const OpDef& op, const Tensor& x, Axes axes) {
  if (op.name == "sum") return sum(x, std::move(axes));  // it may widen what it sums
  if (axes.empty()) return x;
  return apply1(op, make_params(AxesParams{std::move(axes)}), {x});
}
Tensor reduce_like(const Tensor& root, const Tensor& x, Axes axes) {
  return reduced(root.node().op(), x, std::move(axes));
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

Tensor extremum_of_broadcast(const Match& m) {
  const Unrepeated r = unrepeated(m);
  return r.value && !may_be_empty({r.count}) ? r.value : Tensor();
}

// Zeros add nothing. Axes that are reduced lose their padding.
Tensor sum_of_pad(const Match& m) {
  const PadParams& p = params_of<PadParams>(m.root().node().input(0));
  PadParams left;
  bool padded = false;
  for (std::size_t k = 0; k < p.steps.size(); ++k) {
    if (has(axes_of(m.root()), static_cast<std::int64_t>(k))) continue;
    left.starts.push_back(p.starts[k]);
    left.shape.push_back(p.shape[k]);
    left.steps.push_back(p.steps[k]);
    padded = padded || !p.starts[k].is(0) || !(p.shape[k] == m["x"].shape()[k]);
  }
  const Tensor total = sum(m["x"], axes_of(m.root()));
  return padded ? pad(total, left.starts, left.shape, left.steps) : total;
}

// A reduction over everything does not see the shape, which is that without axes of extent 1.
Tensor all_of_view(const Match& m) {
  if (m.root().rank() != 0) return {};
  Shape shape;
  for (const Dim& d : m["x"].shape())
    if (!d.is(1)) shape.push_back(d);
  if (shape == m.root().node().input(0).shape()) return {};
  Axes axes;
  for (std::size_t k = 0; k < shape.size(); ++k) axes.push_back(static_cast<std::int64_t>(k));
  return reduce_like(m.root(), reshape(m["x"], shape), axes);
}

// The axes that are left are in order: nothing is transposed.
Tensor of_transpose(const Match& m) {
  const Axes& order = axes_of(m.root().node().input(0));
  Axes axes, left;
  for (std::size_t i = 0; i < order.size(); ++i)
    (has(axes_of(m.root()), static_cast<std::int64_t>(i)) ? axes : left).push_back(order[i]);
  if (!std::is_sorted(left.begin(), left.end())) return {};
  std::sort(axes.begin(), axes.end());
  return reduce_like(m.root(), m["x"], axes);
}

Tensor of_flip(const Match& m) {
  Axes left;
  for (std::int64_t k : axes_of(m.root().node().input(0)))
    if (!has(axes_of(m.root()), k)) left.push_back(k);
  if (left.size() == axes_of(m.root().node().input(0)).size()) return {};
  return reduce_like(m.root(), left.empty() ? m["x"] : flip(m["x"], left), axes_of(m.root()));
}

std::int64_t wrapped_product(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

std::optional<std::int64_t> count_of(const Match& m) {
  Dim count(1);
  for (std::int64_t k : axes_of(m.root())) count = count * m["x"].dim(static_cast<int>(k));
  return count.is_constant() ? std::optional(count.value()) : std::nullopt;
}

Tensor sum_of_splat(const Match& m) {
  const auto v = splat_value(m["x"]);
  const auto count = count_of(m);
  if (!v || !count) return {};
  if (*count == 0) return zeros_like(m.root());
  if (!is_floating(v->dtype))
    return full(Literal::integer(wrapped_product(v->as_integer(), *count), DType::i64), m.root().shape());
  return full(Literal::real(v->as_double() * static_cast<double>(*count), v->dtype), m.root().shape());
}

Tensor extremum_of_splat(const Match& m) {
  const auto v = splat_value(m["x"]);
  const auto count = count_of(m);
  return v && count && *count > 0 ? full(*v, m.root().shape()) : Tensor();
}

constexpr auto f64 = DType::f64;

// Rows that hold for any reduction of this name; `integer`: a dtype that it takes.
// The order of reducing changes: sums round otherwise, and an extremum among zeros may be one of the other sign.
void add_rows_of(const std::string& name, DType integer, std::vector<Rule>& rules) {
  constexpr auto rule_class = RuleClass::stabilising;
  static const Pattern x = any("x");
  const auto over = [name](Pattern p) { return op(name, {std::move(p)}); };
  const auto reduce = [name](const Tensor& t, Axes axes) { return reduced(*find_op(name), t, std::move(axes)); };
  rules.push_back({.name = name + "-ones",
                   .pattern = over(x),
                   .result = without_ones,
                   .rule_class = rule_class,
                   .left_sides = [reduce, integer, name](const FreshInput& fresh) {
                     return std::vector{reduce(fresh(f64, {1, 3}), {0}), reduce(fresh(f64, {1, 3}), {0, 1}),
                                        reduce(fresh(integer, {3, 1}), {1}),
                                        apply1(*find_op(name), make_params(AxesParams{}), {fresh(f64, {2})})};
                   }});
  rules.push_back({.name = name + "-" + name,
                   .pattern = over(over(x)),
                   .result = merged,
                   .rule_class = rule_class,
                   .left_sides = [reduce, integer](const FreshInput& fresh) {
                     return std::vector{reduce(reduce(fresh(f64, {2, 3, 4}), {1}), {1}),
                                        reduce(reduce(fresh(integer, {2, 3, 4}), {0}), {0})};
                   }});
  rules.push_back({.name = name + "-all-reshape",
                   .pattern = over(op("reshape", {x})),
                   .result = all_of_view,
                   .rule_class = rule_class,
                   .left_sides = [reduce](const FreshInput& fresh) {
                     return std::vector{reduce(reshape(fresh(f64, {2, 3}), {6}), {0})};
                   }});
  rules.push_back({.name = name + "-transpose",
                   .pattern = over(op("transpose", {x})),
                   .result = of_transpose,
                   .rule_class = rule_class,
                   .left_sides = [reduce](const FreshInput& fresh) {
                     return std::vector{reduce(transpose(fresh(f64, {2, 3, 4}), {2, 0, 1}), {0}),
                                        reduce(transpose(fresh(f64, {2, 3})), {0, 1})};
                   }});
}

// Nothing is gained for prod and min: a flip is an index map. Sums and maxima of flips are what gradients leave.
void add_flip_row_of(const std::string& name, std::vector<Rule>& rules) {
  static const Pattern x = any("x");
  rules.push_back({.name = name + "-flip",
                   .pattern = op(name, {op("flip", {x})}),
                   .result = of_flip,
                   .rule_class = RuleClass::stabilising,
                   .left_sides = [name](const FreshInput& fresh) {
                     return std::vector{reduced(*find_op(name), flip(fresh(f64, {2, 3}), {0, 1}), {1})};
                   }});
}

// Rows of max and min.
void add_extremum_rows_of(const std::string& name, std::vector<Rule>& rules) {
  static const Pattern x = any("x");
  const auto reduce = [name](const Tensor& t, Axes axes) { return reduced(*find_op(name), t, std::move(axes)); };
  rules.push_back({.name = name + "-splat",
                   .pattern = op(name, {x}),
                   .result = extremum_of_splat,
                   .left_sides = [reduce](const FreshInput&) {
                     return std::vector{reduce(full(Literal::real(0.1, f64), {2, 3}), {1})};
                   }});
  rules.push_back({.name = name + "-broadcast",
                   .pattern = op(name, {op("broadcast_to", {x})}),
                   .result = extremum_of_broadcast,
                   .left_sides = [reduce](const FreshInput& fresh) {
                     return std::vector{reduce(broadcast_to(fresh(f64, {3, 1}), {2, 3, 4}), {0, 1}),
                                        reduce(broadcast_to(fresh(f64, {}), {5}), {0})};
                   }});
}

void add_sum_rows(std::vector<Rule>& rules) {
  constexpr auto rounding = RuleClass::stabilising;
  static const Pattern x = any("x");
  const auto sums = [](Pattern p) { return op("sum", {std::move(p)}); };
  rules.push_back({.name = "sum-splat",
                   .pattern = sums(x),
                   .result = sum_of_splat,
                   .rule_class = rounding,
                   .left_sides = [](const FreshInput&) {
                     return std::vector{sum(full(Literal::real(0.1, f64), {2, 3}), {1}),
                                        sum(full(Literal::integer(100, DType::i8), {7}), {0}),
                                        sum(full(Literal::real(NAN, f64), {0}), {0})};
                   }});
  rules.push_back({.name = "sum-broadcast",
                   .pattern = sums(op("broadcast_to", {x})),
                   .result = sum_of_broadcast,
                   .rule_class = rounding,
                   .left_sides = [](const FreshInput& fresh) {
                     return std::vector{sum(broadcast_to(fresh(f64, {3, 1}), {2, 3, 4}), {0, 1}),
                                        sum(broadcast_to(fresh(f64, {3, 1}), {2, 3, 4}), {0, 2}),
                                        sum(broadcast_to(fresh(f64, {3}), {0, 3}), {0}),
                                        sum(broadcast_to(fresh(f64, {}), {5}), {0})};
                   }});
  rules.push_back({.name = "sum-pad",
                   .pattern = sums(op("pad", {x})),
                   .result = sum_of_pad,
                   .rule_class = rounding,
                   .left_sides = [](const FreshInput& fresh) {
                     const auto padded = [&] { return pad(fresh(f64, {2, 3}), {1, 5}, {4, 7}, {2, -2}); };
                     return std::vector{sum(padded(), {0}), sum(padded(), {1}), sum(padded(), {0, 1})};
                   }});
}

}  // namespace

const std::vector<Rule>& reduction_rules() {
  static const std::vector<Rule> rules = [] {
    std::vector<Rule> all;
    add_rows_of("sum", DType::i32, all);
    add_rows_of("prod", DType::i64, all);
    add_rows_of("max", DType::i64, all);
    add_rows_of("min", DType::i64, all);
    add_flip_row_of("sum", all);
    add_flip_row_of("max", all);
    add_sum_rows(all);
    add_extremum_rows_of("max", all);
    add_extremum_rows_of("min", all);
    return all;
  }();
  return rules;
}

}  // namespace bitale::passes
