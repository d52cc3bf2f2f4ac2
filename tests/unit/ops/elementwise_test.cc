// Values of elementwise ops at points of interest, and the conventions at kinks.
#include <cmath>
#include <limits>
#include <numbers>

#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"

using namespace bitale;
using ops::Operand;
using ops::Tensor;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double not_a_number = std::nan("");

Array vector(std::vector<double> values) {
  return Array::of<double>(std::span<const double>(values), {static_cast<std::int64_t>(values.size())});
}

Tensor operand(std::size_t size) {
  ops::register_all();
  return ir::input("x", {DType::f64, {ir::Dim(static_cast<std::int64_t>(size))}});
}

std::vector<double> elements(const Array& a) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

template <class F>
std::vector<double> values(F f, std::vector<double> at) {
  const Tensor x = operand(at.size()), y = f(x);
  const eval::Binding binding{x, vector(at)};
  return elements(eval::evaluate({&y, 1}, {&binding, 1})[0]);
}

// d sum f(x) / d x.
template <class F>
std::vector<double> derivatives(F f, std::vector<double> at) {
  return values([&](const Tensor& x) { return ad::grad(ops::sum(f(x)), {&x, 1})[0]; }, std::move(at));
}

template <class F>
std::vector<double> second_derivatives(F f, std::vector<double> at) {
  return derivatives([&](const Tensor& x) { return ad::grad(ops::sum(f(x)), {&x, 1})[0]; }, std::move(at));
}

void check_same(const std::vector<double>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO("element " << i);
    if (std::isnan(expected[i]))
      CHECK(std::isnan(got[i]));
    else if (std::isinf(expected[i]))
      CHECK(got[i] == expected[i]);
    else
      CHECK(got[i] == Approx(expected[i]).margin(1e-15));
  }
}

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("elementwise ops have the values of their functions") {
  const Numbers at{-inf, -2.5, -0.5, 0, 0.5, 1.5, 2.5, inf, not_a_number};
  auto check = [&](const char* name, auto op, double (*function)(double)) {
    INFO(name);
    Numbers expected;
    for (double x : at) expected.push_back(function(x));
    check_same(values(op, at), expected);
  };
  check("exp", [](auto x) { return ops::exp(x); }, std::exp);
  check("expm1", [](auto x) { return ops::expm1(x); }, std::expm1);
  check("log", [](auto x) { return ops::log(x); }, std::log);
  check("log1p", [](auto x) { return ops::log1p(x); }, std::log1p);
  check("sqrt", [](auto x) { return ops::sqrt(x); }, std::sqrt);
  check("tanh", [](auto x) { return ops::tanh(x); }, std::tanh);
  check("sin", [](auto x) { return ops::sin(x); }, std::sin);
  check("cos", [](auto x) { return ops::cos(x); }, std::cos);
  check("erf", [](auto x) { return ops::erf(x); }, std::erf);
  check("floor", [](auto x) { return ops::floor(x); }, std::floor);
  check("ceil", [](auto x) { return ops::ceil(x); }, std::ceil);
  check("round", [](auto x) { return ops::round(x); }, std::nearbyint);
  check("sigmoid", [](auto x) { return ops::sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); });
  check(
      "softplus", [](auto x) { return ops::softplus(x); },
      [](double x) { return x > 30 ? x : std::log1p(std::exp(x)); });
  check("exp2", [](auto x) { return ops::exp2(x); }, std::exp2);
  check("log2", [](auto x) { return ops::log2(x); }, std::log2);
  check("log10", [](auto x) { return ops::log10(x); }, std::log10);
  check("tan", [](auto x) { return ops::tan(x); }, std::tan);
  check("asin", [](auto x) { return ops::asin(x); }, std::asin);
  check("acos", [](auto x) { return ops::acos(x); }, std::acos);
  check("atan", [](auto x) { return ops::atan(x); }, std::atan);
  check("sinh", [](auto x) { return ops::sinh(x); }, std::sinh);
  check("cosh", [](auto x) { return ops::cosh(x); }, std::cosh);
  check("asinh", [](auto x) { return ops::asinh(x); }, std::asinh);
  check("acosh", [](auto x) { return ops::acosh(x); }, std::acosh);
  check("atanh", [](auto x) { return ops::atanh(x); }, std::atanh);
  check("erfc", [](auto x) { return ops::erfc(x); }, std::erfc);
  check("lgamma", [](auto x) { return ops::lgamma(x); }, [](double x) { return std::lgamma(x); });
  check("trunc", [](auto x) { return ops::trunc(x); }, std::trunc);
  check("relu", [](auto x) { return ops::relu(x); }, [](double x) { return x > 0 || std::isnan(x) ? x : 0.0; });
}

TEST_CASE("floordiv and mod round towards minus infinity") {
  check_same(values([](auto x) { return ops::floordiv(x, 3); }, {-7, -6, 7}), {-3, -2, 2});
  check_same(values([](auto x) { return ops::mod(x, 3); }, {-7, -6, 7}), {2, 0, 1});
  check_same(values([](auto x) { return ops::mod(x, -3); }, {-7, -6, 7}), {-1, 0, -2});
}

TEST_CASE("integers: rounding keeps them, other functions take default_float") {
  const Tensor i = ir::input("i", {DType::i32, {ir::Dim(3)}});
  CHECK(ops::floor(i) == i);
  CHECK(ops::exp(i).dtype() == ir::default_float);
  CHECK(ops::pow(i, 2).dtype() == ir::default_float);
  CHECK(ops::floordiv(i, 2).dtype() == DType::i32);
  CHECK(ops::relu(i).dtype() == DType::i32);
}

TEST_CASE("conventions at kinks") {
  check_same(derivatives([](auto x) { return ops::relu(x); }, {-1, 0, 2}), {0, 0, 1});
  check_same(derivatives([](auto x) { return abs(x); }, {-1, 0, 2}), {-1, 0, 1});
  check_same(derivatives([](auto x) { return maximum(x, 1); }, {0, 1, 2}), {0, 1, 1});  // a tie: the first operand
  check_same(derivatives([](auto x) { return maximum(1, x); }, {0, 1, 2}), {0, 0, 1});
  check_same(derivatives([](auto x) { return minimum(x, 1); }, {0, 1, 2}), {1, 1, 0});
  check_same(derivatives([](auto x) { return minimum(maximum(x, -1), 1); }, {-2, -1, 0, 1, 2}),
             {0, 1, 1, 1, 0});  // clip
  check_same(derivatives([](auto x) { return ops::floor(x) + x; }, {0, 0.5}), {1, 1});
  check_same(derivatives([](auto x) { return ops::max(x); }, {1, 3, 3, 2}), {0, 1, 0, 0});
  check_same(derivatives([](auto x) { return ops::min(x); }, {1, 3, 1, 2}), {1, 0, 0, 0});
  check_same(derivatives([](auto x) { return ops::pow(x, 0); }, {0, 2}), {0, 0});
  check_same(derivatives([](auto x) { return ops::pow(x, 2); }, {0, -3}), {0, -6});
  check_same(derivatives([](auto y) { return ops::pow(0, y); }, {2, 3}), {0, 0});
}

TEST_CASE("where keeps the infinite derivative of the untaken side out of the gradient") {
  check_same(derivatives([](auto x) { return where(less(0, x), ops::sqrt(x), 0); }, {-1, 0, 4}), {0, 0, 0.25});
  check_same(derivatives([](auto x) { return where(less(0, x), ops::log(x), 0); }, {-1, 0, 4}), {0, 0, 0.25});
  check_same(derivatives([](auto x) { return where(equal(x, 0), 1, div(ops::sin(x), x)); }, {0, std::numbers::pi}),
             {0, -1 / std::numbers::pi});
  check_same(second_derivatives([](auto x) { return where(less(0, x), ops::sqrt(x), 0); }, {-1, 0, 4}),
             {0, 0, -1.0 / 32});
}

TEST_CASE("second derivatives at stationary points") {
  // sqrt(1 + x^2) has the cotangent 0 on the way at x = 0, and the second derivative (1 + x^2)^(-3/2).
  check_same(second_derivatives([](auto x) { return ops::sqrt(1 + square(x)); }, {0, 1}), {1, std::pow(2.0, -1.5)});
  check_same(second_derivatives([](auto x) { return ops::pow(x, 2); }, {0, 1}), {2, 2});
  check_same(second_derivatives([](auto x) { return ops::log(1 + square(x)); }, {0}), {2});
}

namespace {

// The largest error of a formula over instructions that the interpreter computes nearly exactly, in epsilons.
template <class F>
double worst(F op, long double (*exact)(long double), const Numbers& at) {
  const Numbers got = values(op, at);
  double largest = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const long double e = exact(at[i]);
    if (std::isnan(e) ? std::isnan(got[i]) : static_cast<long double>(got[i]) == e) continue;
    const long double error = std::fabs((static_cast<long double>(got[i]) - e) / e);
    largest = std::isnan(error) ? inf : std::max(largest, static_cast<double>(error / 2.220446049250313e-16L));
  }
  return largest;
}

// Magnitudes from 1e-300 to `high`, densest around 1, and their negatives.
Numbers spread(double high) {
  Numbers at{0.0, -0.0, 1, -1};
  for (double exponent = -300; exponent < std::log10(high); exponent += std::fabs(exponent) < 2 ? 0.01 : 1.7)
    for (const double sign : {1, -1}) at.push_back(sign * std::pow(10, exponent));
  return at;
}

}  // namespace

TEST_CASE("formulas lose at most a few units beside what their instructions lose") {
  CHECK(worst([](auto x) { return ops::asin(x); }, std::asin, spread(1)) <= 2);
  CHECK(worst([](auto x) { return ops::acos(x); }, std::acos, spread(1)) <= 2);
  CHECK(worst([](auto x) { return ops::sinh(x); }, std::sinh, spread(710)) <= 3);
  CHECK(worst([](auto x) { return ops::cosh(x); }, std::cosh, spread(710)) <= 3);
  CHECK(worst([](auto x) { return ops::asinh(x); }, std::asinh, spread(1e300)) <= 3);
  CHECK(worst([](auto x) { return ops::acosh(1 + abs(x)); },
              [](long double x) { return std::acosh(static_cast<long double>(1 + std::fabs(static_cast<double>(x)))); },
              spread(1e300)) <= 3);
  CHECK(worst([](auto x) { return ops::atanh(x); }, std::atanh, spread(1)) <= 3);
  CHECK(worst([](auto x) { return ops::hypot(x, 1); }, [](long double x) { return std::hypot(x, 1.0L); },
              spread(1e300)) <= 2);
  CHECK(worst([](auto x) { return ops::log1mexp(-abs(x)); },
              [](long double x) {
                const long double a = std::fabs(x);
                return a < 0.69L ? std::log(-std::expm1(-a)) : std::log1p(-std::exp(-a));
              },
              spread(700)) <= 3);
}

TEST_CASE("edges of binary functions") {
  check_same(values([](auto x) { return ops::logaddexp(x, x); }, {-inf, inf, 1000, not_a_number}),
             {-inf, inf, 1000 + std::numbers::ln2, not_a_number});
  check_same(derivatives([](auto x) { return ops::logaddexp(x, inf); }, {inf, 0}), {0.5, 0});
  check_same(second_derivatives([](auto x) { return ops::logaddexp(x, 1); }, {1}), {0.25});
  check_same(values([](auto x) { return ops::xlogy(x, 0); }, {0, 1}), {0, -inf});
  check_same(values([](auto x) { return ops::xlogy(0, x); }, {not_a_number, inf}), {not_a_number, 0});
  check_same(derivatives([](auto x) { return ops::xlogy(0, x); }, {0, 2}), {0, 0});
  check_same(values([](auto x) { return ops::hypot(x, x); }, {0, inf, 1e300}), {0, inf, std::sqrt(2.0) * 1e300});
  check_same(derivatives([](auto x) { return ops::hypot(x, 0); }, {0, -2}), {0, -1});
  check_same(values([](auto x) { return ops::atan2(x, -1); }, {0.0, -0.0}), {std::numbers::pi, -std::numbers::pi});
  check_same(derivatives([](auto y) { return ops::atan2(y, 1e200); }, {1e200}), {0.5e-200});
}

TEST_CASE("derivatives of lgamma of every order are polygammas") {
  const double pi = std::numbers::pi, zeta3 = 1.2020569031595942, gamma = 0.57721566490153286;
  check_same(values([](auto x) { return ops::digamma(x); }, {1}), {-gamma});
  check_same(derivatives([](auto x) { return ops::lgamma(x); }, {1}), {-gamma});
  check_same(second_derivatives([](auto x) { return ops::lgamma(x); }, {1, 0.5}), {pi * pi / 6, pi * pi / 2});
  check_same(second_derivatives([](auto x) { return ops::digamma(x); }, {1}), {-2 * zeta3});
  check_same(derivatives([](auto x) { return ops::polygamma(2, x); }, {1}), {std::pow(pi, 4) / 15});
  check_same(values([](auto x) { return ops::polygamma(1, x); }, {-0.5, -2, 0}), {pi * pi / 2 + 4, inf, inf});
  CHECK(std::isnan(values([](auto x) { return ops::polygamma(2, x); }, {-1})[0]));
  CHECK(ops::polygamma(0, operand(1)).node().op().name == "digamma");
  CHECK_THROWS_WITH(ops::polygamma(61, operand(1)), "polygamma: the order must be 0 to 60, and is 61");
}

TEST_CASE("activations at their edges") {
  check_same(derivatives([](auto x) { return ops::leaky_relu(x, 0.1); }, {-1, 0, 2}), {0.1, 0.1, 1});
  check_same(derivatives([](auto x) { return ops::elu(x); }, {-inf, 0, 1000}), {0, 1, 1});
  check_same(derivatives([](auto x) { return ops::clip(x, -1, 1); }, {-2, -1, 0, 1, 2}), {0, 1, 1, 1, 0});
  check_same(derivatives([](auto x) { return ops::softsign(x); }, {0}), {1});
  check_same(values([](auto x) { return ops::log_sigmoid(x); }, {-1000, 1000}), {-1000, 0});
  // The tail keeps its digits: -10 times the normal distribution function of -10.
  check_same(values([](auto x) { return ops::gelu(x) * 1e20; }, {-10}), {-7.619853024160525e-3});
  check_same(values([](auto x) { return ops::sign(x); }, {-inf, -2, 0, 3, not_a_number}), {-1, -1, 0, 1, not_a_number});
  check_same(values([](auto x) { return ops::nan_to_num(x); }, {-inf, 2, inf, not_a_number}),
             {std::numeric_limits<double>::lowest(), 2, std::numeric_limits<double>::max(), 0});
}

TEST_CASE("bits of integers; of bools they are the logical ops") {
  const Tensor b = ir::input("b", {DType::bool_, {ir::Dim(3)}}), i = ir::input("i", {DType::i32, {ir::Dim(3)}});
  CHECK(ops::bitwise_and(b, b).node().op().name == "logical_and");
  CHECK(ops::bitwise_not(b).node().op().name == "logical_not");
  CHECK(ops::bitwise_or(i, 1).dtype() == DType::i32);
  CHECK(ops::logical_xor(b, true).dtype() == DType::bool_);
  const Tensor f = ir::input("f", {DType::f32, {ir::Dim(3)}});
  CHECK_THROWS_AS(ops::shift_left(f, 1), Error);
  CHECK_THROWS_AS(ops::bitwise_and(f, f), Error);
}
