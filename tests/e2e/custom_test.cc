// Ops of the user's own: values, derivatives of every order, fusion, the cache, and what is refused.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <bitale/bitale.h>

#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::message_of;

namespace {

Array doubles(std::vector<double> v, Extents shape) { return Array::of(std::span<const double>(v), std::move(shape)); }

CustomOp swish() {
  return elementwise_op(
      {.name = "swish", .body = [](const std::vector<Tensor>& x) { return x[0] * sigmoid(1.5 * x[0]); }});
}

// x^2 y where x > 0, else y.
CustomOp mixed(bool own_derivatives) {
  ElementwiseDefinition d{.name = "mixed", .operands = 2, .body = [](const std::vector<Tensor>& x) {
                            return where(x[0] > 0.0, square(x[0]) * x[1], x[1]);
                          }};
  if (own_derivatives)
    d.derivatives = {
        [](const std::vector<Tensor>& x, const Tensor&) { return where(x[0] > 0.0, 2.0 * x[0] * x[1], 0.0); },
        [](const std::vector<Tensor>& x, const Tensor&) { return where(x[0] > 0.0, square(x[0]), 1.0); }};
  return elementwise_op(d);
}

// The running sum of a vector, and its last element.
CustomOp running_sum() {
  return callback_op({
      .name = "running_sum",
      .type =
          [](const std::vector<Tensor>& x) {
            return std::vector<ResultType>{{x[0].dtype(), x[0].shape()}, {x[0].dtype(), {}}};
          },
      .run =
          [](const std::vector<Array>& x, std::vector<Array>& y) {
            const auto in = x[0].view<double>();
            std::partial_sum(in.begin(), in.end(), y[0].view<double>().begin());
            y[1].view<double>()[0] = std::accumulate(in.begin(), in.end(), 0.0);
          },
      .vjp =
          [](const std::vector<Tensor>& x, const std::vector<Tensor>&, const std::vector<Tensor>& dy) {
            const CustomOp op = running_sum();
            return std::vector<Tensor>{flip(op({flip(dy[0], {0})}), {0}) + broadcast_to(dy[1], x[0].shape())};
          },
  });
}

}  // namespace

TEST_CASE("an elementwise op of the user's is compiled, fused and differentiated like a built-in") {
  const Tensor x = input("x", float64, {5}), y = input("y", float64, {5});
  const Array a = doubles({-2, -0.5, 0.25, 1, 3}, {5}), b = doubles({1, 2, -3, 0.5, -1}, {5});
  const Function f = function({x}, {exp(-swish()({x}))});
  for (std::int64_t i = 0; i < 5; ++i)
    CHECK(f(a)[0].at(i) == Approx(std::exp(-a.at(i) / (1 + std::exp(-1.5 * a.at(i))))));
  CHECK_THAT(f.program_text(), contains("swish"));
  CHECK(f.program_text().find("\n  1: ") == std::string::npos);  // one step

  for (bool own : {false, true}) {
    const Tensor z = mixed(own)({swish()({x}), y});
    const GradientCheck first = gradient_check({z}, {x, y}, {{x, a}, {y, b}});
    INFO(first.where);
    CHECK(first.worst < 1e-7);
    const std::vector<Tensor> g = grad(sum(z * y), {x, y});
    const GradientCheck second = gradient_check(g, {x, y}, {{x, a}, {y, b}});
    INFO(second.where);
    CHECK(second.worst < 1e-6);
    const Tensor dx = input("dx", float64, {5});
    const Tensor forward = jvp({z}, {x, y}, {dx, dx})[0];
    const Tensor sum_of_both = jvp({z}, {x}, {dx})[0] + jvp({z}, {y}, {dx})[0];
    const auto both = function({x, y, dx}, {forward, sum_of_both})(a, b, b);
    for (std::int64_t i = 0; i < 5; ++i) CHECK(both[0].at(i) == Approx(both[1].at(i)));
    CHECK(jacobian(z, x).rank() == 2);
  }
}

TEST_CASE("operands of an elementwise op are promoted and broadcast; float32 is computed in float32") {
  const Tensor x = input("x", float32, {2, 1}), y = input("y", int32, {3});
  const Tensor z = mixed(false)({x, y});
  CHECK(z.dtype() == float32);
  const Array out = function({x, y}, {z})(Array::of<float>(std::vector<float>{2, -1}, {2, 1}), {1, 2, 3})[0];
  CHECK(out.shape() == Extents{2, 3});
  CHECK(out.at(1) == 8);
  CHECK(out.at(4) == 2);
}

TEST_CASE("equal definitions are one op, others of the same name are not; the cache knows them apart") {
  const Tensor x = input("x", float64, {3});
  const CustomOp again = swish();
  const CustomOp other = elementwise_op(
      {.name = "swish", .body = [](const std::vector<Tensor>& v) { return v[0] * sigmoid(2.5 * v[0]); }});
  const Array a = doubles({1, 2, 3}, {3});
  const auto out = function({x}, {swish()({x}) - again({x}), other({x})})(a);
  CHECK(out[0].at(2) == 0);
  CHECK(out[1].at(0) == Approx(1 / (1 + std::exp(-2.5))));
}

TEST_CASE("an op from a callback has values, several results and the derivative that it is given") {
  const Tensor x = input("x", float64, {Dim("n")});
  const Array a = doubles({1, -2, 4}, {3});
  const std::vector<Tensor> y = running_sum().apply({x * 2.0});
  const Function f = function({x}, {y[0], y[1]});
  CHECK(f(a)[0].at(1) == -2);
  CHECK(f(a)[0].at(2) == 6);
  CHECK(f(a)[1].at(0) == 6);
  CHECK(f(doubles({}, {0}))[1].at(0) == 0);
  CHECK_FALSE(f.from_cache());
  CHECK_FALSE(function({x}, {y[0], y[1]}).from_cache());  // never stored
  const GradientCheck check = gradient_check({square(y[0]), y[1] * y[1]}, {x}, {{x, a}});
  INFO(check.where);
  CHECK(check.worst < 1e-7);
}

TEST_CASE("a callback that throws fails the call with its text and the user's line") {
  const CustomOp picky = callback_op({
      .name = "picky",
      .type = [](const std::vector<Tensor>& x) { return std::vector<ResultType>{{x[0].dtype(), x[0].shape()}}; },
      .run =
          [](const std::vector<Array>& x, std::vector<Array>& y) {
            if (x[0].at(0) < 0) throw std::runtime_error("no negative numbers, please");
            y[0] = x[0].clone();
          },
  });
  const Tensor x = input("x", float64, {2});
  const Shared s("s", doubles({0, 0}, {2}));
  const Function f = function({x}, {}, {.updates = {{s, s + picky({x})}}});
  const std::string message = message_of([&] { f(doubles({-1, 2}, {2})); });
  for (const char* part : {"picky", "no negative numbers, please", "custom_test.cc"})
    CHECK_THAT(message, contains(part));
  CHECK(s.get().at(1) == 0);
  f(doubles({1, 2}, {2}));
  CHECK(s.get().at(1) == 2);
  CHECK_THAT(message_of([&] { grad(sum(picky({x})), x); }), contains("picky"));
}

TEST_CASE("definitions that make no sense are refused") {
  const auto define = [](std::function<Tensor(const std::vector<Tensor>&)> body) {
    return message_of([&] { elementwise_op({.name = "bad", .body = body}); });
  };
  CHECK_THAT(define([](const std::vector<Tensor>& x) { return reshape(x[0], {1}); }), contains("bad"));
  CHECK_THAT(define([](const std::vector<Tensor>& x) { return sum(reshape(x[0], {1})); }),
             contains("no elementwise op"));
  CHECK_THAT(define([](const std::vector<Tensor>& x) { return x[0] > 0.0; }), contains("scalar of their dtype"));
  CHECK_THAT(message_of([] { elementwise_op({.name = "", .body = {}}); }), contains("name"));
  CHECK_THAT(message_of([] { elementwise_op({.name = "none", .body = {}}); }), contains("body"));
  CHECK_THAT(message_of([] {
               elementwise_op({.name = "two",
                               .operands = 2,
                               .body = [](const std::vector<Tensor>& x) { return x[0] + x[1]; },
                               .derivatives = {[](const std::vector<Tensor>&, const Tensor& y) { return y; }}});
             }),
             contains("1 derivatives for 2 operands"));
  CHECK_THAT(message_of([] { swish()({input("a", float32, {2}), input("b", float32, {2})}); }), contains("operands"));
  CHECK_THAT(message_of([] { CustomOp()({}); }), contains("empty CustomOp"));
  CHECK_THAT(message_of([] { callback_op({.name = "nothing", .type = {}, .run = {}}); }), contains("nothing"));
}
