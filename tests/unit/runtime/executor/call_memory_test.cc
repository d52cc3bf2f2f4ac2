// Where outputs lie: in new memory, in destinations, over inputs.
#include "runtime/executor/call_memory.h"

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

struct FlagSaver {
  Flags saved = flags();
  ~FlagSaver() { flags() = saved; }
};

// sum = x + y, twice = 2 * sum: each may be over either input.
Runnable two_outputs() {
  Make m;
  const int n = m.axis(0, 0), x = m.input("x", {n}), y = m.input("y", {n}), sum = m.output("sum", {n}),
            twice = m.output("twice", {n});
  m.kernel(m.entry("add"), {x, y, sum}, {n});
  m.kernel(m.entry("twice"), {sum, twice}, {n});
  m.p.buffers[static_cast<std::size_t>(sum)].over = {0, 1};
  m.p.buffers[static_cast<std::size_t>(twice)].over = {0, 1};
  return {m.done(), {address(add_kernel), address(twice_kernel)}};
}

Array three(float a, float b, float c) { return array<float>({a, b, c}, {3}); }
using Values = std::vector<float>;

}  // namespace

TEST_CASE("outputs take the memory of inputs that are given up, each of another one") {
  const Runnable f = two_outputs();
  const std::vector<Array> inputs{three(1, 2, 3), three(10, 20, 30)};
  const auto r = f.call(inputs, {}, {.donated = {true, true}});
  CHECK(r.outputs[0].storage() == inputs[0].storage());
  CHECK(r.outputs[1].storage() == inputs[1].storage());
  CHECK(values<float>(r.outputs[0]) == Values{11, 22, 33});
  CHECK(values<float>(r.outputs[1]) == Values{22, 44, 66});
  CHECK(f.planned(inputs, {}, {.donated = {true, true}}).output_bytes == 0);
  CHECK(f.planned(inputs, {}, {.donated = {false, true}}).output_bytes == 12);
  CHECK(f.planned(inputs, {}, {}).output_bytes == 24);
}

TEST_CASE("an input whose memory another one reads is not taken") {
  const Runnable f = two_outputs();
  const Array x = three(1, 2, 3);
  const auto r = f.call(std::vector{x, x}, {}, {.donated = {true, false}});
  CHECK(values<float>(x) == Values{1, 2, 3});
  CHECK(values<float>(r.outputs[0]) == Values{2, 4, 6});
}

TEST_CASE("nothing is written over inputs while a guard looks at results") {
  const FlagSaver saver;
  const Runnable f = two_outputs();
  const Array x = three(1, 2, 3), y = three(0, 0, 0);
  f.call(std::vector{x, y}, {}, {.donated = {true, true}, .nan_guard = true});
  CHECK(values<float>(x) == Values{1, 2, 3});
  Array into = three(7, 7, 7);
  const executor::CallOptions options{.into = {into, three(0, 0, 0)}, .nan_guard = true};
  CHECK(f.planned(std::vector{into, x}, {}, options).output_bytes == 12);
  f.call(std::vector{into, x}, {}, options);
  CHECK(values<float>(into) == Values{8, 9, 10});
}

TEST_CASE("destinations are written, over inputs where the steps allow it") {
  const Runnable f = two_outputs();
  Array x = three(1, 2, 3), y = three(10, 20, 30), sum = three(0, 0, 0), twice = three(0, 0, 0);
  const auto r = f.call(std::vector{x, y}, {}, {.into = {sum, twice}});
  CHECK(r.outputs[0].storage() == sum.storage());
  CHECK(values<float>(sum) == Values{11, 22, 33});
  CHECK(values<float>(twice) == Values{22, 44, 66});
  CHECK(f.planned(std::vector{x, y}, {}, {.into = {sum, twice}}).output_bytes == 0);
  f.call(std::vector{x, y}, {}, {.into = {x, y}});
  CHECK(values<float>(x) == Values{11, 22, 33});
  CHECK(values<float>(y) == Values{22, 44, 66});
}

TEST_CASE("a destination that only overlaps an input gets a copy at the end") {
  const Runnable f = two_outputs();
  Array all = array<float>({1, 2, 3, 4}, {4});
  const auto part = [&](std::int64_t from) {
    return Array(DType::f32, {3}, Storage::adopt(all.view<float>().data() + from, 12, nullptr));
  };
  Array other = three(0, 0, 0);
  const executor::CallOptions options{.into = {part(1), other}};
  CHECK(f.planned(std::vector{part(0), part(0)}, {}, options).output_bytes == 12);
  f.call(std::vector{part(0), part(0)}, {}, options);
  CHECK(values<float>(all) == Values{1, 2, 4, 6});
  CHECK(values<float>(other) == Values{4, 8, 12});
}

TEST_CASE("an output that is a view of something else is copied to its destination") {
  Make m;
  const int n = m.axis(0, 0), x = m.input("x", {n}), t = m.temporary("t", {n});
  m.kernel(m.entry("twice"), {x, t}, {n});
  const int out = m.output("out", {n});
  m.p.buffers[static_cast<std::size_t>(out)].alias_of = t;
  const Runnable f(m.done(), {address(twice_kernel)});
  Array into = three(0, 0, 0);
  const auto r = f.call(std::vector{three(1, 2, 3)}, {}, {.into = {into}});
  CHECK(r.outputs[0].storage() == into.storage());
  CHECK(values<float>(into) == Values{2, 4, 6});
}

TEST_CASE("wrong destinations are errors that name the output") {
  const Runnable f = two_outputs();
  const std::vector<Array> in{three(1, 2, 3), three(1, 2, 3)};
  const auto with = [&](std::vector<Array> into) { f.call(in, {}, {.into = std::move(into)}); };
  const Array ok = three(0, 0, 0);
  CHECK_THROWS_WITH(with({ok}), contains("1 destinations for 2 outputs"));
  CHECK_THROWS_WITH(with({ok, Array()}), contains("output 1 'twice' is an empty Array handle"));
  CHECK_THROWS_WITH(with({ok, ok}), contains("output 1 'twice' overlaps that of output 0 'sum'"));
  CHECK_THROWS_WITH(with({Array(DType::f32, {4}), ok}), contains("output 0 'sum' is float32[4], expected float32[3]"));
  CHECK_THROWS_WITH(with({Array(DType::i32, {3}), ok}), contains("is int32[3], expected float32[3]"));
  const Array fixed(DType::f32, {3}, Storage::adopt(in[0].storage()->data(), 12, nullptr, false));
  CHECK_THROWS_WITH(with({ok, fixed}), contains("output 1 'twice' is read-only"));
}
