#include "runtime/executor/executor.h"

#include <thread>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/executor/kernels.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;
using executor::Runnable;

namespace {

Array ramp(std::int64_t n, float start = 0) {
  Array a(DType::f32, {n});
  for (std::int64_t i = 0; i < n; ++i)
    a.view<float>()[static_cast<std::size_t>(i)] = start + static_cast<float>(i % 100);
  return a;
}

// sum(2 * (x + y)), and x + y
Make add_and_sum() {
  Make m;
  const int n = m.axis(0, 0), x = m.input("x", {n}), y = m.input("y", {n});
  const int sum = m.output("sum", {}), added = m.output("added", {n}), t = m.temporary("t", {n});
  m.p.checks.push_back({ExtentCheck::Kind::equal, n, m.axis(1, 0), "x and y have different lengths"});
  m.kernel(m.entry("add"), {x, y, added}, {n}, "x + y");
  m.kernel(m.entry("twice"), {added, t}, {n}, "2 * (x + y)");
  m.kernel(m.entry("sum"), {t, sum}, {n}, "sum");
  return m;
}

const std::vector<const void*> add_and_sum_entries = {address(add_kernel), address(twice_kernel), address(sum_kernel)};

struct FlagSaver {
  Flags saved = flags();
  ~FlagSaver() { flags() = saved; }
};

}  // namespace

TEST_CASE("kernels run in order and outputs are the caller's") {
  const Runnable f(add_and_sum().done(), add_and_sum_entries);
  for (const bool guard : {false, true}) {
    const FlagSaver saver;
    flags().guard = guard;
    for (const std::int64_t n : {0, 1, 7, 20000})
      for (const int threads : {1, 2, 3}) {
        const Array x = ramp(n), y = ramp(n, 0.5f);
        const auto r = f.call(std::vector{x, y}, {}, {.threads = threads});
        REQUIRE(r.outputs.size() == 2);
        double sum = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          REQUIRE(r.outputs[1].at(i) == x.at(i) + y.at(i));
          sum += 2 * (x.at(i) + y.at(i));
        }
        REQUIRE(r.outputs[0].at(0) == Approx(sum));
      }
  }
}

TEST_CASE("wrong arguments are errors that name them") {
  const Runnable f(add_and_sum().done(), add_and_sum_entries);
  REQUIRE_THROWS_WITH(f.call(std::vector{ramp(3), ramp(4)}, {}, {}),
                      contains("x and y have different lengths: 3 is not 4"));
  REQUIRE_THROWS_WITH(f.call(std::vector{ramp(3)}, {}, {}), contains("1 inputs given, 2 expected"));
  REQUIRE_THROWS_WITH(f.call(std::vector{ramp(3), Array::zeros(DType::f64, {3})}, {}, {}),
                      contains("'y' has dtype float64"));
  REQUIRE_THROWS_WITH(f.call(std::vector{ramp(3), Array()}, {}, {}), contains("'y' is missing"));
  REQUIRE_THROWS_WITH(f.call(std::vector{ramp(4).reshaped({2, 2}), ramp(4)}, {}, {}),
                      contains("'x' has shape [2, 2], expected 1 dims"));
  REQUIRE_THROWS_WITH(Runnable(add_and_sum().done(), std::vector<const void*>{}), contains("has 3 entries"));
  REQUIRE_THROWS_WITH(Runnable(add_and_sum().done(), "x86-64-v3"), contains("has no code for x86-64-v3"));
}

TEST_CASE("phases of a kernel are divided by the context's barrier") {
  Make m;
  const int n = m.axis(0, 0), x = m.input("x", {n}), partial = m.temporary("partial", {m.constant(64)}),
            out = m.output("sum", {});
  m.kernel(m.entry("sum"), {x, partial, out}, {n}, "sum", 2);
  const Runnable f(m.done(), {address(two_phase_sum_kernel)});
  for (const int threads : {1, 2, 3})
    for (int i = 0; i < 20; ++i) {
      Array ones(DType::f32, {30000});
      for (float& v : ones.view<float>()) v = 1;
      REQUIRE(f.call(std::vector{ones}, {}, {.threads = threads}).outputs[0].at(0) == 30000);
    }
}

TEST_CASE("concurrent calls have frames of their own") {
  const Runnable f(add_and_sum().done(), add_and_sum_entries);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&, c] {
      for (int i = 0; i < 50; ++i) {
        const std::int64_t n = 1 + (c + i) % 7;
        const auto r = f.call(std::vector{ramp(n), ramp(n)}, {}, {.threads = 1 + c % 2});
        if (r.outputs[0].at(0) != static_cast<double>(2 * n * (n - 1))) wrong.fetch_add(1);
      }
    });
  for (std::thread& c : callers) c.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("updates are new arrays, and the old value stays") {
  Make m;
  const int n = m.extent(ExtentOp::shared_axis, 0, 0), w = m.shared("w", {n});
  const int next = m.buffer(Role::update, "w next", {n}, DType::f32, 0);
  m.p.outputs.push_back({"old", DType::f32, {n}, false});
  m.p.buffers[static_cast<std::size_t>(m.buffer(Role::output, "old", {n}, DType::f32, 0))].alias_of = w;
  m.kernel(m.entry("twice"), {w, next}, {n});
  const Runnable f(m.done(), {address(twice_kernel)});
  const Array before = ramp(4);
  const auto r = f.call({}, std::vector{before}, {.threads = 2});
  REQUIRE(values<float>(r.updates[0]) == std::vector<float>{0, 2, 4, 6});
  REQUIRE(r.outputs[0].storage() == before.storage());
  REQUIRE(values<float>(before) == std::vector<float>{0, 1, 2, 3});
}

TEST_CASE("an update in place is written into what the caller owns, and into nothing else") {
  const FlagSaver saver;
  Make m;
  const int n = m.extent(ExtentOp::shared_axis, 0, 0), w = m.shared("w", {n});
  const int next = m.buffer(Role::update, "w next", {n}, DType::f32, 0);
  m.p.buffers[static_cast<std::size_t>(next)].in_place = true;
  m.kernel(m.entry("twice"), {w, next}, {n});
  const Runnable f(m.done(), {address(twice_kernel)});
  const Array w0 = ramp(4);
  const auto kept = f.call({}, std::vector{w0}, {.threads = 2});
  REQUIRE(values<float>(w0) == std::vector<float>{0, 1, 2, 3});
  REQUIRE(kept.updates[0].storage() != w0.storage());
  const auto written = f.call({}, std::vector{w0}, {.threads = 2, .owned = {true}});
  REQUIRE(written.updates[0].storage() == w0.storage());
  REQUIRE(values<float>(w0) == std::vector<float>{0, 2, 4, 6});
  REQUIRE(f.planned({}, std::vector{w0}, {}).output_bytes == 0);
  flags().nan_guard = true;  // may find something after the step
  REQUIRE(f.call({}, std::vector{w0}, {.threads = 1, .owned = {true}}).updates[0].storage() != w0.storage());
  REQUIRE(f.planned({}, std::vector{w0}, {}).output_bytes == 16);
}

TEST_CASE("a temporary that is returned under another shape outlives the frame") {
  Make m;
  const int n = m.axis(0, 0), one = m.constant(1), x = m.input("x", {n}), t = m.temporary("t", {n});
  m.kernel(m.entry("twice"), {x, t}, {n});
  const int out = m.output("out", {n, one});
  m.p.buffers[static_cast<std::size_t>(out)].alias_of = t;
  const Runnable f(m.done(), {address(twice_kernel)});
  const auto first = f.call(std::vector{ramp(3)}, {}, {});
  f.call(std::vector{ramp(3, 7)}, {}, {});
  REQUIRE(first.outputs[0].shape() == Extents{3, 1});
  REQUIRE(values<float>(first.outputs[0]) == std::vector<float>{0, 2, 4});
}

TEST_CASE("a failing data check names the step, the lines and the values") {
  Make m;
  const int n = m.axis(1, 0), rows = m.axis(0, 0), table = m.input("table", {rows}),
            index = m.input("index", {n}, DType::i64);
  const int out = m.output("out", {n});
  m.kernel(m.entry("gather"), {table, index, out}, {n, rows}, "gather").origins = {SourceLine("model.cc", 12),
                                                                                   SourceLine("net.cc", 3)};
  m.kernel(m.entry("twice"), {out, m.output("two", {n})}, {n});
  const Runnable f(m.done(), {address(gather_kernel), address(twice_kernel)});
  for (const int threads : {1, 2, 3}) {
    Array indices = Array::zeros(DType::i64, {10000});
    REQUIRE_NOTHROW(f.call(std::vector{ramp(5), indices}, {}, {.threads = threads}));
    indices.view<std::int64_t>()[9999] = 12;
    REQUIRE_THROWS_WITH(
        f.call(std::vector{ramp(5), indices}, {}, {.threads = threads}),
        Catch::Equals("gather: index 12 is out of range for an extent of 5, computed at model.cc:12, net.cc:3"));
  }
}

TEST_CASE("a check step fails with its message") {
  Make m;
  const int n = m.axis(0, 0), x = m.input("x", {n}), ok = m.temporary("ok", {}, DType::bool_),
            out = m.output("out", {n});
  m.kernel(m.entry("reached"), {x, ok}, {m.constant(1)});
  m.step(CheckStep{ok, "x[0] must be at least 1"}, "check");
  m.kernel(m.entry("twice"), {x, out}, {n});
  const Runnable f(m.done(), {address(reached_kernel), address(twice_kernel)});
  for (const int threads : {1, 2}) {
    REQUIRE(f.call(std::vector{ramp(9000, 1)}, {}, {.threads = threads}).outputs[0].at(0) == 2);
    REQUIRE_THROWS_WITH(f.call(std::vector{ramp(9000)}, {}, {.threads = threads}),
                        contains("check: x[0] must be at least 1"));
  }
}

TEST_CASE("the NaN guard stops at the step that wrote a value that is not finite") {
  const FlagSaver saver;
  flags().nan_guard = true;
  const Runnable f(add_and_sum().done(), add_and_sum_entries);
  for (const std::int64_t n : {3, 20000})
    for (const int threads : {1, 2}) {
      Array x = ramp(n);
      REQUIRE_NOTHROW(f.call(std::vector{x, ramp(n)}, {}, {.threads = threads}));
      x.view<float>()[1] = 3e38f;
      REQUIRE_THROWS_WITH(f.call(std::vector{x, ramp(n)}, {}, {.threads = threads}),
                          contains("2 * (x + y): element 1 of the " + std::to_string(n) + " of 't' is not finite"));
    }
}

TEST_CASE("profiles count calls and operations per step") {
  const FlagSaver saver;
  Make m = add_and_sum();
  m.p.steps[0].flops = 0;
  const Runnable f(m.done(), add_and_sum_entries);
  f.call(std::vector{ramp(3), ramp(3)}, {}, {});
  REQUIRE(f.profile().empty());
  flags().profile = true;
  f.call(std::vector{ramp(3), ramp(3)}, {}, {.threads = 2});
  f.call(std::vector{ramp(20000), ramp(20000)}, {}, {.threads = 2});
  const auto rows = f.profile();
  REQUIRE(rows.size() == 3);
  REQUIRE(rows[0].label == "x + y");
  REQUIRE(rows[0].calls == 2);
  REQUIRE(rows[0].flops == 20003);
  f.reset_profile();
  REQUIRE(f.profile().empty());
}

TEST_CASE("the planned memory is known before the first call") {
  const Runnable f(add_and_sum().done(), add_and_sum_entries);
  const auto planned = f.planned(std::vector{ramp(1000), ramp(1000)}, {}, {.threads = 2});
  REQUIRE(planned.arena_bytes == 4032);
  REQUIRE(planned.output_bytes == 4004);
  REQUIRE(planned.constant_bytes == 0);
}
