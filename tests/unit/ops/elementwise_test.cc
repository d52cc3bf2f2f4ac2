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
