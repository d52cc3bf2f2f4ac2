// NaN guard, step check and profile, by option: the examples of docs/debugging.md.
#include <cmath>

#include <bitale/bitale.h>

#include "tests/support/catch.h"
#include "tests/support/message_of.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::message_of;

TEST_CASE("the NaN guard names the step and the line that made the first bad value") {
  const Tensor x = input("x", float32, {Dim("n")});
  const int bad_line = __LINE__ + 1;
  const Tensor y = log(x);
  const Shared sum_of_all("sum_of_all", Array::scalar(0.0f));
  const FunctionOptions options{.updates = {{sum_of_all, sum_of_all + sum(y)}}, .nan_guard = true};
  const Function f = function({x}, {exp(y)}, options);
  CHECK(f({1, 2})[0].at(1) == Approx(2));
  const std::string message = message_of([&] { f({1, -2, 3}); });
  CHECK_THAT(message, contains("is not finite"));
  CHECK_THAT(message, contains("debug_test.cc:" + std::to_string(bad_line)));
  CHECK(sum_of_all.get().at(0) == Approx(std::log(2.0)));        // a failed call updates nothing
  CHECK(std::isnan(function({x}, {exp(y)})({1, -2})[0].at(1)));  // without the guard the value is there to look at
}

TEST_CASE("a checked function agrees with the interpreter, step by step") {
  const Tensor x = input("x", float32, {Dim("n"), 8}), w = input("w", float32, {8, 3});
  const Tensor loss = mean(square(tanh(dot(x, w))));
  const Function f = function({x, w}, {loss, grad(loss, w)}, {.check = true});
  const Array a = Array::of<float>(std::vector<float>(16, 0.25f), {2, 8}),
              b = Array::of<float>(std::vector<float>(24, 0.5f), {8, 3});
  CHECK(f(a, b)[0].at(0) == Approx(std::tanh(1.0) * std::tanh(1.0)));
  CHECK_FALSE(f.from_cache());
}

TEST_CASE("profiles tell the time by step, op and line") {
  const Tensor x = input("x", float32, {64, 256}), w = input("w", float32, {256, 256});
  const int product_line = __LINE__ + 1;
  const Tensor h = dot(x, w);
  const Tensor y = sum(exp(h), {1});
  const Function f = function({x, w}, {y}, {.threads = 1, .profile = true});
  const Array a = Array::zeros(float32, {64, 256}), b = Array::zeros(float32, {256, 256});
  CHECK(f.profile().empty());
  for (int i = 0; i < 3; ++i) f(a, b);

  const auto steps = f.profile_rows();
  REQUIRE(steps.size() >= 2);
  double flops = 0, share = 0;
  for (const ProfileRow& r : steps) {
    CHECK(r.calls == 3);
    CHECK(r.seconds > 0);
    CHECK(r.bytes > 0);
    flops += r.flops;
    share += r.share;
  }
  CHECK(flops == 3 * 2.0 * 64 * 256 * 256);
  CHECK(share == Approx(1));
  CHECK(steps[0].bytes == 3 * 4.0 * (64 * 256 + 256 * 256 + 64 * 256));

  const auto lines = f.profile_rows(ProfileBy::line);
  const std::string place = "debug_test.cc:" + std::to_string(product_line);
  bool found = false;
  double seconds = 0, by_step = 0;
  for (const ProfileRow& r : lines) {
    found = found || r.name.find(place) != std::string::npos;
    seconds += r.seconds;
  }
  for (const ProfileRow& r : steps) by_step += r.seconds;
  CHECK(found);
  CHECK(seconds == Approx(by_step));
  for (const char* part : {"GFLOP/s", "GB/s", "dot"}) CHECK_THAT(f.profile(ProfileBy::op), contains(part));
}
