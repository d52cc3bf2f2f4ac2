// Updates of Shared variables, in place or not: values, failures and readers cannot tell the difference.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include <bitale/bitale.h>

#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "tests/support/arrays.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::all;
using bitale::tests::contains;
using bitale::tests::filled;

TEST_CASE("variables that are updated from each other in one kernel see the old values") {
  const auto vector = [](std::vector<float> v) { return Array::of<float>(std::span<const float>(v), {3}); };
  const Shared a("a", vector({1, 2, 3})), b("b", vector({10, 20, 40}));
  const Function step = function({}, {}, {.updates = {{a, flip(b)}, {b, 0.5 * b + 0.25 * a}}, .cache = false});
  float x[] = {1, 2, 3}, y[] = {10, 20, 40};
  for (int call = 0; call < 3; ++call) {
    step();
    const float before[] = {x[0], x[1], x[2]};
    for (int i = 0; i < 3; ++i) x[i] = y[2 - i];
    for (int i = 0; i < 3; ++i) y[i] = 0.5f * y[i] + 0.25f * before[i];
    for (int i = 0; i < 3; ++i) {
      CHECK(a.get().at(i) == x[i]);
      CHECK(b.get().at(i) == y[i]);
    }
  }
}

TEST_CASE("an update is in place where it may be, and what was read before stays") {
  const Tensor g = input("g", float32, {64, 64});
  const Shared w("w", filled(1, {64, 64}));
  const Function step = function({g}, {sum(w * g)}, {.updates = {{w, w - 0.5 * g}}});
  CHECK_THAT(step.program_text(), contains("in place"));
  const std::vector<Argument> arguments{filled(2, {64, 64})};
  CHECK(step.planned_memory(arguments).output_bytes == 4);  // the sum
  const Array before = w.get();
  CHECK(step.call(arguments)[0].at(0) == 2 * 64 * 64);
  CHECK(step.call(arguments)[0].at(0) == 0);
  CHECK(all(before, 1));
  CHECK(all(w.get(), -1));
  CHECK(w.version() == 2);
}

TEST_CASE("updates that are not in place alternate between two pieces of memory") {
  const Shared a("a", filled(1, {64, 64})), b("b", filled(2, {64, 64}));
  const Function swap = function({}, {a.tensor()}, {.updates = {{a, b}, {b, a}}});
  const Function turn = function({}, {}, {.updates = {{a, transpose(a) + 1.0}}, .threads = 2});
  CHECK(turn.program_text().find("in place") == std::string::npos);
  std::set<const void*> of_a, of_b;
  std::vector<Array> taken, results;  // what an allocator would give again is in use
  for (int i = 0; i < 12; ++i) {
    results.push_back(swap()[0]);
    turn();
    of_a.insert(detail::Access::state(a)->value.data());
    of_b.insert(detail::Access::state(b)->value.data());
    for (int piece = 0; piece < 3; ++piece) taken.push_back(filled(-1, {64, 64}));
    CHECK(swap.planned_memory({}).output_bytes == 2 * 64 * 64 * 4);  // what is returned, and a: b goes last, in place
  }
  CHECK(of_a.size() <= 2);
  CHECK(of_b.size() <= 2);
  // a: 1, 2 + 1, 1 + 1, 3 + 1, ... : what was returned has stayed
  float value[] = {1, 2};
  for (const Array& r : results) {
    CHECK(all(r, value[0]));
    std::swap(value[0], value[1]);
    value[0] += 1;
  }
  CHECK(std::all_of(taken.begin(), taken.end(), [](const Array& t) { return all(t, -1); }));
}

TEST_CASE("a value that somebody holds is never the memory of the next one") {
  const Shared w("w", filled(1, {8, 8}));
  const Function turn = function({}, {}, {.updates = {{w, transpose(w) * 2.0}}});
  const auto& state = *detail::Access::state(w);
  std::vector<Array> held;  // as an output that is the old value itself would
  for (int i = 0; i < 6; ++i) {
    held.push_back(state.value);
    turn();
  }
  for (std::size_t i = 0; i < held.size(); ++i) CHECK(all(held[i], static_cast<float>(1 << i)));
  CHECK(all(w.get(), 64));
}

TEST_CASE("a Shared whose extents change, and a call that fails, between updates that are not in place") {
  const Dim n("n");
  const Tensor at = input("at", int64, {1});
  Shared w("w", filled(1, {4, 4}), {n, n});
  const Function turn = function({at}, {gather(w, at)}, {.updates = {{w, transpose(w) + 1.0}}});
  float value = 1;
  for (const std::int64_t size : {4, 4, 9, 9, 2, 4}) {
    w.set(filled(value, {size, size}));
    for (int i = 0; i < 2; ++i) {
      CHECK_THROWS_AS(turn({100}), Error);
      CHECK(all(w.get(), value));
      turn({1});
      CHECK(all(w.get(), ++value));
    }
  }
}

TEST_CASE("swaps, rotations and returned old values, call after call") {
  const Shared a("a", filled(1, {3})), b("b", filled(2, {3})), c("c", filled(3, {3}));
  const Function rotate = function({}, {a.tensor()}, {.updates = {{a, b}, {b, c}, {c, a}}});
  const Function shift = function({}, {b.tensor(), a + b}, {.updates = {{a, a + b}, {b, a * 10.0}}});
  for (int i = 0; i < 3; ++i) {
    const float old = static_cast<float>(i % 3 + 1);
    CHECK(all(rotate()[0], old));
  }
  CHECK(all(a.get(), 1));
  const std::vector<Array> out = shift();
  CHECK(all(out[0], 2));
  CHECK(all(out[1], 3));
  CHECK(all(a.get(), 3));
  CHECK(all(b.get(), 10));
}

TEST_CASE("momentum: both updates come from the old values") {
  const Tensor g = input("g", float32, {300, 70});
  const Shared w("w", filled(1, {300, 70})), v("v", filled(0, {300, 70}));
  const Tensor velocity = 0.5 * v - g;
  const Function step = function({g}, {}, {.updates = {{v, velocity}, {w, w + velocity}}, .threads = 2});
  const std::vector<Argument> ones{filled(1, {300, 70})};
  float ew = 1, ev = 0;
  for (int i = 0; i < 5; ++i) {
    step.call(ones);
    ev = 0.5f * ev - 1;
    ew += ev;
    CHECK(all(v.get(), ev));
    CHECK(all(w.get(), ew));
  }
}

TEST_CASE("a matrix product's epilogue updates in place, on several threads, as it does elsewhere") {
  const Dim n("n");
  const Tensor x = input("x", float32, {n, 70}), dy = input("dy", float32, {n, 90});
  const Shared w("w", filled(0, {70, 90}));
  const Function step = function({x, dy}, {}, {.updates = {{w, w - 0.25 * dot(transpose(x), dy)}}, .threads = 3});
  CHECK_THAT(step.program_text(), contains("in place"));
  const std::vector<Argument> arguments{filled(1, {500, 70}), filled(2, {500, 90})};
  for (int i = 1; i <= 4; ++i) {
    step.call(arguments);
    CHECK(all(w.get(), static_cast<float>(-250 * i)));
  }
}

TEST_CASE("a data check that fails leaves every Shared as it was, and the next call works") {
  const Tensor at = input("at", int64, {1});
  const Shared w("w", filled(1, {4})), u("u", filled(5, {4}));
  const Function step =
      function({at}, {gather(w, at)}, {.updates = {{w, w * 2.0}, {u, scatter_add(u, at, constant(filled(1, {1})))}}});
  const Array bad = Array::of(std::span<const std::int64_t>(std::vector<std::int64_t>{4}), {1});
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_AS(step(bad), Error);
    CHECK(all(w.get(), 1));
    CHECK(all(u.get(), 5));
  }
  CHECK(step({1})[0].at(0) == 1);
  CHECK(all(w.get(), 2));
  CHECK(u.get().at(1) == 6);
}

TEST_CASE("the NaN guard leaves a Shared as it was") {
  const Tensor g = input("g", float32, {3});
  const Shared w("w", filled(1, {3}));
  const Function step = function({g}, {}, {.updates = {{w, w / g}}});
  flags().nan_guard = true;
  CHECK_THROWS_AS(step({1, 0, 1}), Error);
  flags().nan_guard = false;
  CHECK(all(w.get(), 1));
}

TEST_CASE("readers beside an update in place see one value or the other, never both") {
  const Shared w("w", filled(0, {256, 256}));
  const Function step = function({}, {}, {.updates = {{w, w + 1.0}}, .threads = 2});
  const Function spread = function({}, {max(w) - min(w)}, {.threads = 1});
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  readers.emplace_back([&] {
    while (!done) torn += spread()[0].at(0) != 0;
  });
  readers.emplace_back([&] {
    while (!done) {
      const Array value = w.get();
      torn += !all(value, value.view<float>()[0]);
    }
  });
  for (int i = 0; i < 200; ++i) step();
  done = true;
  for (std::thread& t : readers) t.join();
  CHECK(torn == 0);
  CHECK(all(w.get(), 200));
}
