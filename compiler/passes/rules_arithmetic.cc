#include <cmath>
#include <limits>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

constexpr auto relaxed = RuleClass::relaxed;
// Equal up to the sign of a zero, or to rounding that only gets better.
constexpr auto stabilising = RuleClass::stabilising;

// Of a constant of the pattern.
Literal value_of(const Match& m, const char* name) { return *splat_value(m[name]); }

// -v, where the dtype has it.
std::optional<Literal> negated(const Literal& v) {
  if (is_floating(v.dtype)) return Literal::real(-v.as_double(), v.dtype);
  const auto bits = static_cast<int>(8 * size_of(v.dtype));
  const bool lowest = v.as_double() <= -std::ldexp(1.0, bits - 1);
  if (v.dtype == DType::u8 || v.dtype == DType::bool_ || lowest) return std::nullopt;
  return Literal::integer(-v.as_integer(), v.dtype);
}

Tensor zeros_of(const Match& m) { return zeros_like(m.root()); }

// The constant c of x + c or x - c with the other sign, for those below zero.
Tensor negated_if_negative(const Tensor& c) {
  const Literal v = *splat_value(c);
  const auto positive = negated(v);
  return v.as_double() < 0 && positive ? splat_like(*positive, c) : Tensor();
}

bool is_power_of_two(const Literal& v) {
  int exponent = 0;
  return is_floating(v.dtype) && std::isfinite(v.as_double()) && std::abs(std::frexp(v.as_double(), &exponent)) == 0.5;
}

// 1/c, if c is a power of two whose reciprocal is a normal number.
std::optional<Literal> exact_reciprocal(const Tensor& c) {
  const Literal v = *splat_value(c);
  if (!is_power_of_two(v)) return std::nullopt;
  const double least = v.dtype == DType::f32 ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
  const Literal inverse = Literal::real(1 / v.as_double(), v.dtype);
  if (!std::isfinite(inverse.as_double()) || std::abs(inverse.as_double()) < least) return std::nullopt;
  return inverse;
}

// (x * c) * d where multiplying by c or by d does not round.
Tensor mul_mul_power_of_two(const Match& m) {
  const Literal c = value_of(m, "c"), d = value_of(m, "d");
  if (splat_value(m["x"])) return {};
  if (!is_power_of_two(c) && !is_power_of_two(d)) return {};
  const Literal product = Literal::real(c.as_double() * d.as_double(), c.dtype);
  return std::isnormal(product.as_double()) ? mul(m["x"], splat_like(product, m["c"])) : Tensor();
}

// x + (c + d), x * (c * d); of three constants there would be no end.
Tensor sum_of_constants(const Match& m) { return splat_value(m["x"]) ? Tensor() : add(m["x"], add(m["c"], m["d"])); }
Tensor product_of_constants(const Match& m) {
  return splat_value(m["x"]) ? Tensor() : mul(m["x"], mul(m["c"], m["d"]));
}

// x^n by squaring, for n from 4 to 8: at most four multiplications, and as many roundings.
Tensor pow_of_small_integer(const Match& m) {
  const double n = value_of(m, "c").as_double();
  if (!is_floating(m["x"].dtype()) || n != std::floor(n) || n < 4 || n > 8) return {};
  Tensor square = m["x"], power;
  for (int left = static_cast<int>(n); left > 0; left /= 2) {
    if (left % 2 == 1) power = power ? mul(power, square) : square;
    if (left > 1) square = mul(square, square);
  }
  return power;
}

// Left sides f(x, constant) in float64.
auto with_constant(double value, Tensor (*build)(const Tensor& x, const Tensor& c)) {
  return [=](const FreshInput& fresh) {
    const Tensor x = fresh(DType::f64, {2, 3});
    return std::vector{build(x, full_like(x, value))};
  };
}

auto with_constants(DType dtype, Tensor (*build)(const Tensor& x, const Tensor& c, const Tensor& d)) {
  return [=](const FreshInput& fresh) {
    const Tensor x = fresh(dtype, {2, 3});
    return std::vector{build(x, full_like(x, 3), full_like(x, 5))};
  };
}

// Both are values that the type of `from` has.
bool lossless(DType from, DType to) {
  if (from == to || from == DType::bool_) return true;
  if (to == DType::bool_) return false;
  if (is_floating(from)) return is_floating(to) && size_of(to) > size_of(from);
  if (is_floating(to)) return size_of(from) * 8 <= (is_only_stored(to) ? 8u : to == DType::f32 ? 16u : 32u);
  if (from == DType::u8) return size_of(to) > 1;
  return to != DType::u8 && size_of(to) >= size_of(from);
}

// A float that does not fit into an integer becomes the nearest one that does; an integer wraps round.
bool saturates(DType from, DType over, DType to) {
  return is_floating(over) && is_integer(to) && !is_floating(from) && !lossless(from, to);
}

// Of integers that wrap round: the low bits are kept either way.
bool narrows_twice(DType from, DType over, DType to) {
  const auto counts = [](DType d) { return !is_floating(d) && d != DType::bool_; };
  return counts(from) && counts(over) && counts(to) && size_of(from) >= size_of(over) && size_of(over) >= size_of(to);
}

}  // namespace

const std::vector<Rule>& arithmetic_rules() {
  static const Pattern x = any("x"), y = any("y"), c = rewrite::constant("c"), d = rewrite::constant("d");
  const auto pow = [](Pattern a, double b) { return op("pow", {std::move(a), literal(b)}); };
  const auto abs = [](Pattern a) { return op("abs", {std::move(a)}); };
  const auto strong = [](Pattern a, Pattern b) { return op("strong_mul", {std::move(a), std::move(b)}); };
  static const std::vector<Rule> rules{
      // ---- units and zeros ----
      {"add-zero", x + 0.0, keep("x"), stabilising},
      {"sub-zero", x - 0.0, keep("x"), stabilising},
      {"zero-sub", 0.0 - x, [](const Match& m) { return neg(m["x"]); }, stabilising},
      {"mul-one", x * 1.0, keep("x")},
      {"div-one", x / 1.0, keep("x")},
      {"mul-minus-one", x * -1.0, [](const Match& m) { return neg(m["x"]); }},
      {"div-minus-one", x / -1.0, [](const Match& m) { return neg(m["x"]); }},
      {.name = "mul-zero-integer", .pattern = x * 0.0, .result = if_integer(zeros_of), .dtype = DType::i32},
      {"mul-zero", x * 0.0, if_float(zeros_of), relaxed},
      {.name = "sub-self-integer", .pattern = x - x, .result = if_integer(zeros_of), .dtype = DType::i32},
      {"sub-self", x - x, if_float(zeros_of), relaxed},
      {"div-self", x / x, [](const Match& m) { return ones_like(m.root()); }, relaxed, {}, 0.5, 3},
      {"zero-strong-mul", strong(literal(0), x), zeros_of},
      {.name = "strong-mul-by-constant",
       .pattern = strong(x, c),
       .result =
           [](const Match& m) { return std::isfinite(value_of(m, "c").as_double()) ? mul(m["x"], m["c"]) : Tensor(); },
       .rule_class = stabilising,
       .left_sides = with_constant(-1.5, [](const Tensor& a, const Tensor& b) { return strong_mul(a, b); })},
      {.name = "strong-mul-of-constant",
       .pattern = strong(c, x),
       .result = [](const Match& m) { return value_of(m, "c").as_double() != 0 ? mul(m["x"], m["c"]) : Tensor(); },
       .left_sides = with_constant(-1.5, [](const Tensor& a, const Tensor& b) { return strong_mul(b, a); })},

      // ---- signs: neg moves outwards and is absorbed by add, sub and constants ----
      {"neg-neg", -(-x), keep("x")},
      {"add-neg", x + -y, [](const Match& m) { return sub(m["x"], m["y"]); }},
      {"sub-neg", x - -y, [](const Match& m) { return add(m["x"], m["y"]); }},
      {"neg-sub", -(x - y), [](const Match& m) { return sub(m["y"], m["x"]); }, stabilising},
      {"neg-minus", -x - y, [](const Match& m) { return neg(add(m["x"], m["y"])); }, stabilising},
      {"mul-neg", x * -y, [](const Match& m) { return neg(mul(m["x"], m["y"])); }},
      {"div-neg", x / -y, [](const Match& m) { return neg(div(m["x"], m["y"])); }},
      {"neg-div", -x / y, [](const Match& m) { return neg(div(m["x"], m["y"])); }},
      {.name = "neg-mul-constant",
       .pattern = -(x * c),
       .result =
           [](const Match& m) {
             const auto minus = negated(value_of(m, "c"));
             return minus ? mul(m["x"], splat_like(*minus, m["c"])) : Tensor();
           },
       .left_sides = with_constant(2.5, [](const Tensor& a, const Tensor& b) { return neg(mul(a, b)); })},
      {.name = "add-negative-constant",
       .pattern = x + c,
       .result =
           [](const Match& m) {
             const Tensor positive = negated_if_negative(m["c"]);
             return positive ? sub(m["x"], positive) : Tensor();
           },
       .left_sides = with_constant(-2.5, [](const Tensor& a, const Tensor& b) { return add(a, b); })},
      {.name = "sub-negative-constant",
       .pattern = x - c,
       .result =
           [](const Match& m) {
             const Tensor positive = negated_if_negative(m["c"]);
             return positive ? add(m["x"], positive) : Tensor();
           },
       .left_sides = with_constant(-2.5, [](const Tensor& a, const Tensor& b) { return sub(a, b); })},

      // ---- chains of constants ----
      {"add-self", x + x, if_float([](const Match& m) { return mul(m["x"], full_like(m["x"], 2)); })},
      {.name = "mul-mul-power-of-two",
       .pattern = (x * c) * d,
       .result = mul_mul_power_of_two,
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(DType::f64, {2, 3});
             return std::vector{mul(mul(t, 0.1), -0.5), mul(mul(t, 4), 0.3)};
           }},
      {.name = "add-add-constant-integer",
       .pattern = (x + c) + d,
       .result = if_integer(sum_of_constants),
       .left_sides = with_constants(
           DType::i32, [](const Tensor& a, const Tensor& b, const Tensor& e) { return add(add(a, b), e); })},
      {.name = "mul-mul-constant-integer",
       .pattern = (x * c) * d,
       .result = if_integer(product_of_constants),
       .left_sides = with_constants(
           DType::i32, [](const Tensor& a, const Tensor& b, const Tensor& e) { return mul(mul(a, b), e); })},
      {.name = "add-add-constant",
       .pattern = (x + c) + d,
       .result = if_float(sum_of_constants),
       .rule_class = relaxed,
       .left_sides = with_constants(
           DType::f64, [](const Tensor& a, const Tensor& b, const Tensor& e) { return add(add(a, b), e); })},
      {.name = "mul-mul-constant",
       .pattern = (x * c) * d,
       .result = if_float(product_of_constants),
       .rule_class = relaxed,
       .left_sides = with_constants(
           DType::f64, [](const Tensor& a, const Tensor& b, const Tensor& e) { return mul(mul(a, b), e); })},

      // ---- division and powers ----
      {.name = "div-power-of-two",
       .pattern = x / c,
       .result =
           [](const Match& m) {
             const auto r = exact_reciprocal(m["c"]);
             return r ? mul(m["x"], splat_like(*r, m["c"])) : Tensor();
           },
       .left_sides = with_constant(-8, [](const Tensor& a, const Tensor& b) { return div(a, b); })},
      {.name = "div-constant",
       .pattern = x / c,
       .result =
           [](const Match& m) {
             const Literal v = value_of(m, "c");
             if (!std::isnormal(v.as_double()) || exact_reciprocal(m["c"])) return Tensor();
             return mul(m["x"], splat_like(Literal::real(1 / v.as_double(), v.dtype), m["c"]));
           },
       .rule_class = relaxed,
       .left_sides = with_constant(3, [](const Tensor& a, const Tensor& b) { return div(a, b); })},
      {"pow-zero", pow(x, 0), [](const Match& m) { return ones_like(m.root()); }},
      {"pow-one", pow(x, 1), keep("x")},
      {"pow-two", pow(x, 2), [](const Match& m) { return mul(m["x"], m["x"]); }, stabilising},
      {"pow-three", pow(x, 3), [](const Match& m) { return mul(mul(m["x"], m["x"]), m["x"]); }, stabilising},
      {"pow-minus-one", pow(x, -1), [](const Match& m) { return div(1.0, m["x"]); }, stabilising},
      {"pow-minus-two",
       pow(x, -2),
       [](const Match& m) { return div(1.0, mul(m["x"], m["x"])); },
       stabilising,
       {},
       0.1,
       3},
      // Of -inf the left side is 0.
      {"pow-minus-half",
       pow(x, -0.5),
       [](const Match& m) { return div(1.0, call("sqrt", {m["x"]})); },
       relaxed,
       {},
       0.1,
       3},
      {.name = "pow-integer",
       .pattern = op("pow", {x, c}),
       .result = pow_of_small_integer,
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             const auto of = [&](double n) {
               const Tensor t = fresh(DType::f64, {2, 3});
               return call("pow", {t, full_like(t, n)});
             };
             return std::vector{of(4), of(5), of(8)};
           }},
      {"pow-half", pow(x, 0.5), [](const Match& m) { return call("sqrt", {m["x"]}); }, stabilising, {}, 0, 3},
      {"sqrt-of-square", op("sqrt", {x * x}), [](const Match& m) { return ir::abs(m["x"]); }, stabilising},

      // ---- abs, maximum, minimum ----
      {"abs-neg", abs(-x), [](const Match& m) { return ir::abs(m["x"]); }},
      {"abs-abs", abs(abs(x)), [](const Match& m) { return m.root().node().input(0); }},
      {"abs-of-square", abs(x * x), if_float([](const Match& m) { return m.root().node().input(0); })},
      {"square-of-abs", abs(x) * abs(x), [](const Match& m) { return mul(m["x"], m["x"]); }},
      {"maximum-self", op("maximum", {x, x}), keep("x")},
      {"minimum-self", op("minimum", {x, x}), keep("x")},

      // ---- inverses ----
      {"times-reciprocal", x * (1.0 / y),
       [](const Match& m) {
         const Node& root = m.root().node();
         const Tensor& r = root.input(is_op(root.input(1), "div") && root.input(1).node().input(1) == m["y"] ? 1 : 0);
         return only_read_by(m, r, root) ? div(m["x"], m["y"]) : Tensor();
       },
       stabilising},
      {"log-of-exp", op("log", {op("exp", {x})}), keep("x"), stabilising},
      {"one-over-exp", 1.0 / op("exp", {x}), [](const Match& m) { return call("exp", {neg(m["x"])}); }, stabilising},

      // ---- identities once derivatives have been taken ----
      {"stop-gradient", op("stop_gradient", {x}), keep("x")},
      {"grad-clip", op("grad_clip", {x}), keep("x")},
      {"grad-scale", op("grad_scale", {x}), keep("x")},

      // ---- casts ----
      {.name = "cast-to-same",
       .pattern = op("cast", {x}),
       .result = [](const Match& m) { return m["x"].dtype() == m.root().dtype() ? m["x"] : Tensor(); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{
                 apply1(*find_op("cast"), make_params(CastParams{DType::f64}), {fresh(DType::f64, {3})})};
           }},
      {.name = "cast-of-lossless-cast",
       .pattern = op("cast", {op("cast", {x})}),
       .result =
           [](const Match& m) {
             const DType from = m["x"].dtype(), over = m.root().node().input(0).dtype(), to = m.root().dtype();
             if (from != to && (is_only_stored(from) || is_only_stored(to))) return Tensor();  // by way of float32
             const bool over_all = lossless(from, over) && !saturates(from, over, to);
             return over_all || narrows_twice(from, over, to) ? cast(m["x"], to) : Tensor();
           },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{cast(cast(fresh(DType::f32, {3}), DType::f64), DType::f32),
                                cast(cast(fresh(DType::f16, {3}), DType::f32), DType::f16),
                                cast(cast(fresh(DType::i8, {3}), DType::f32), DType::i16),
                                cast(cast(mul(fresh(DType::f32, {3}), 99), DType::f64), DType::i8),
                                cast(cast(fresh(DType::bool_, {3}), DType::u8), DType::f64),
                                cast(cast(fresh(DType::i32, {3}), DType::i64), DType::bool_),
                                cast(cast(mul(fresh(DType::i64, {3}), 1 << 20), DType::i16), DType::i8),
                                cast(cast(mul(fresh(DType::i32, {3}), 99), DType::u8), DType::i8)};
           }},
  };
  return rules;
}

}  // namespace bitale::passes
