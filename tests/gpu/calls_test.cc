// Calls on the device of the tests: data checks, updates, donated arguments, destinations, loops that the host decides.
#include <atomic>
#include <thread>

#include <bitale/bitale.h>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/message_of.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using bitale::tests::contains;

namespace {

Array ints(std::initializer_list<std::int64_t> values) {
  const std::vector<std::int64_t> all(values);
  return Array::of(std::span<const std::int64_t>(all), {static_cast<std::int64_t>(all.size())});
}

Array floats(std::initializer_list<float> values) {
  const std::vector<float> all(values);
  return Array::of(std::span<const float>(all), {static_cast<std::int64_t>(all.size())});
}

std::vector<double> elements(const Array& a) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

}  // namespace

TEST_CASE("a check that fails on the device says what it says on the CPU, and nothing is updated") {
  Dim n("n");
  const Tensor rows = input("rows", int64, {n});
  Shared table("table", Array::zeros(float32, {4, 2}));
  const Tensor picked = take(table, rows, 0);
  std::string messages[2];
  for (const std::string& device : {std::string("cpu"), tests::tested_device()}) {
    const Function f = function({rows}, {sum(picked)},
                                {.updates = {{table, table + 1.0}}, .name = "f", .device = device, .threads = 1});
    for (int call = 0; call < 4; ++call) CHECK_NOTHROW(f(ints({0, 3, -1})));
    const Array before = table.get();
    messages[device == "cpu" ? 0 : 1] = tests::message_of([&] { f(ints({0, 9, 7})); });
    CHECK(table.get().same_bits(before));
    CHECK_NOTHROW(f(ints({1})));
    CHECK(table.get().at(0) == before.at(0) + 1);
  }
  CHECK_THAT(messages[0], contains("index 9 is out of range for an extent of 4"));
  CHECK(messages[1] == messages[0]);
}

TEST_CASE("results are arguments of the next call, and are written over what is given up") {
  Dim n("n");
  const Tensor x = input("x", float32, {n});
  const Function f = function({x}, {x * 2.0 + 1.0}, {.device = tests::tested_device()});
  Array y = f(floats({1, 2, 3}))[0];
  for (int call = 0; call < 4; ++call) y = f(donate(y))[0];
  CHECK(elements(y) == std::vector<double>{63, 95, 127});
  y.view<float>()[0] = 0;  // on the host from now on
  CHECK(elements(f(y)[0]) == std::vector<double>{1, 191, 255});
  std::vector<float> into(3);
  const Array given = floats({1, 1, 1});
  f.call_into({given}, {into});
  CHECK(into == std::vector<float>{3, 3, 3});
}

TEST_CASE("a function without kernels runs on a device, too") {
  const Tensor x = input("x", float32, {2});
  const Function f = function({x}, {x}, {.device = tests::tested_device()});
  CHECK(elements(f(floats({4, 5}))[0]) == std::vector<double>{4, 5});
}

TEST_CASE("functions of the CPU and of a device share variables") {
  Shared w("w", floats({1, 2}));
  const Function here = function({}, {}, {.updates = {{w, w + 1.0}}, .threads = 1});
  const Function there = function({}, {}, {.updates = {{w, w * 2.0}}, .device = tests::tested_device()});
  for (int call = 0; call < 3; ++call) {
    here();
    there();
  }
  CHECK(elements(w.get()) == std::vector<double>{22, 30});
  w.set(floats({0, 1}));
  there();
  here();
  CHECK(elements(w.get()) == std::vector<double>{1, 3});
}

TEST_CASE("the NaN guard and the step checker look at a device's memory") {
  Dim n("n");
  const Tensor x = input("x", float32, {n});
  const Function guarded = function({x}, {log(x)}, {.name = "f", .device = tests::tested_device(), .nan_guard = true});
  CHECK_NOTHROW(guarded(floats({1, 2})));
  CHECK_THROWS_WITH(guarded(floats({1, -1})), contains("is not finite"));
  const Function checked = function({x}, {tanh(x) + exp(x)}, {.device = tests::tested_device(), .check = true});
  CHECK_NOTHROW(checked(floats({1, -2})));
}

TEST_CASE("the device's threads share it") {
  Dim n("n");
  const Tensor x = input("x", float32, {n});
  const Function f = function({x}, {sum(x * x)}, {.device = tests::tested_device()});
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const auto v = static_cast<float>(t + 1);
      for (int call = 0; call < 5; ++call) right += f(floats({v, v}))[0].at(0) == 2 * v * v;
    });
  for (std::thread& t : threads) t.join();
  CHECK(right == 20);
}

TEST_CASE("a call of the host's library gets operands that are empty, and others whose memory begins there") {
  Dim n("n");
  const Tensor x = input("x", float32, {n, 3});
  const Svd d = svd(x, {.full = true});
  const std::vector<Tensor> results{d.u * 2.0, d.s * 2.0, d.vt * 2.0};  // the operands lie in the arena
  const Function f = function({x}, results, {.device = tests::tested_device()}),
                 on_cpu = function({x}, results, {.threads = 1});
  for (const std::int64_t rows : {0, 1, 4}) {
    const Array a = tests::random_array(float32, {rows, 3}, -1, 1, 5);
    const std::vector<Array> got = f(a), want = on_cpu(a);
    for (std::size_t i = 0; i < want.size(); ++i) {
      CAPTURE(rows, i);
      CHECK(got[i].shape() == want[i].shape());
      CHECK(elements(got[i]) == elements(want[i]));
    }
  }
}
