// Arrays that are given up to a call.
#include <bitale/bitale.h>

#include "runtime/base/error.h"
#include "tests/support/arrays.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::all;
using bitale::tests::contains;
using bitale::tests::filled;

namespace {

Function step() {
  const Tensor x = input("x", float32, {Dim("n"), 8}), y = input("y", float32, {x.dim(0), 8});
  return function({x, y}, {x + y}, {.name = "step"});
}

}  // namespace

TEST_CASE("a result takes the memory of what is donated, and planned memory says so") {
  const Function f = step();
  CHECK_THAT(f.program_text(), contains("output 0, may be over input 0, 1"));
  Array state = filled(1, {100, 8});
  const void* const memory = state.data();
  const Array y = filled(2, {100, 8});
  const std::vector<Argument> plain{state, y};
  CHECK(f.planned_memory(plain).output_bytes == 3200);
  for (int i = 1; i <= 5; ++i) {
    std::vector<Argument> arguments{donate(state), y};
    CHECK(state.empty());
    if (i > 1) CHECK(f.planned_memory(arguments).output_bytes == 0);  // at first `plain` has it too
    state = f.call(arguments)[0];
    CHECK(all(state, static_cast<float>(1 + 2 * i)));
    CHECK((state.data() == memory) == (i > 1));
    if (i == 1) state = filled(3, {100, 8});
    if (i == 1) const_cast<const void*&>(memory) = state.data();
  }
  CHECK(all(y, 2));
}

TEST_CASE("what somebody else holds or looks at is not written") {
  const Function f = step();
  Array x = filled(1, {4, 8});
  const Array copy = x;
  const Array r = f(donate(x), filled(2, {4, 8}))[0];
  CHECK(all(copy, 1));
  CHECK(all(r, 3));
  Array z = filled(1, {4, 8});
  const StridedView<const float> view(z.view<float>().data(), {4, 8});
  const Tensor a = input("a", float32, {4, 8}), b = input("b", float32, {4, 8});
  const Function later = function({a, b}, {tanh(a), transpose(b)});
  const std::vector<Array> both = later(donate(z), view);
  CHECK(all(both[1], 1));
}

TEST_CASE("results that need the donated values to the end get memory of their own") {
  const Tensor x = input("x", float32, {8, 8});
  const Function f = function({x}, {transpose(x), softmax(x)});
  for (const bool donated : {false, true}) {
    Array a(float32, {8, 8});
    for (std::size_t i = 0; i < 64; ++i) a.view<float>()[i] = static_cast<float>(i) / 64;
    const Array kept = a.clone();
    const std::vector<Array> r = donated ? f(donate(a)) : f(a), expected = f(kept);
    CHECK(r[0].same_bits(expected[0]));
    CHECK(r[1].same_bits(expected[1]));
  }
}

TEST_CASE("a donated Array holds nothing, and is donated once") {
  const Function f = step();
  Array x = filled(1, {2, 8});
  const std::vector<Argument> arguments{donate(x), filled(2, {2, 8})};
  CHECK(x.empty());
  CHECK_THROWS_WITH(x.at(0), contains("holds nothing"));
  CHECK_THROWS_WITH(x.view<float>(), contains("holds nothing"));
  CHECK_THROWS_WITH(donate(x), contains("donate: the Array holds nothing; it was donated or moved from before"));
  CHECK_THROWS_WITH(f(x, x), contains("step: input x") && contains("empty Array handle"));
  CHECK_NOTHROW(f.planned_memory(arguments));
  CHECK_NOTHROW(f.flops(arguments));
  f.call(arguments);
  CHECK_THROWS_WITH(f.call(arguments),
                    contains("step: input x") && contains("was donated, and an earlier call has taken it"));
  CHECK_THROWS_WITH(f.planned_memory(arguments), contains("was donated"));
}

TEST_CASE("a failed call loses what was donated, and nothing else") {
  const Tensor x = input("x", float32, {4}), at = input("at", int64, {4});
  const Function f = function({x, at}, {gather(x, at) + x});
  Array a = filled(1, {4});
  CHECK_THROWS_AS(f(donate(a), {0, 1, 2, 9}), Error);
  CHECK(a.empty());
  CHECK(all(f(donate(filled(1, {4})), {0, 1, 2, 3})[0], 2));
}

TEST_CASE("donated scalars, empty arrays, other dtypes of one width, several threads") {
  const Tensor s = input("s", float32, {});
  CHECK(function({s}, {s + 1.0})(donate(Array::scalar(2.0f)))[0].at(0) == 3);
  const Function f = step();
  CHECK(f(donate(Array(float32, {0, 8})), Array(float32, {0, 8}))[0].shape() == Extents{0, 8});
  const Tensor x = input("x", float32, {Dim("n")});
  const Function bits = function({x}, {cast(x, int32) + 1}, {.threads = 3});
  Array a = filled(5, {100000});
  const void* memory = a.data();
  const Array r = bits(donate(a))[0];
  CHECK(r.data() == memory);
  CHECK(r.dtype() == int32);
  CHECK(std::all_of(r.view<std::int32_t>().begin(), r.view<std::int32_t>().end(), [](int v) { return v == 6; }));
}

TEST_CASE("an epilogue is written over the operand that it adds") {
  const Tensor x = input("x", float32, {Dim("n"), 40}), c = input("c", float32, {x.dim(0), 30});
  const Tensor w = input("w", float32, {40, 30});
  const Function f = function({x, w, c}, {dot(x, w) + c}, {.threads = 2});
  CHECK_THAT(f.program_text(), contains("may be over input 2"));
  const Array a = filled(1, {300, 40}), b = filled(2, {40, 30});
  Array sum = filled(0, {300, 30});
  const void* memory = sum.data();
  for (int i = 0; i < 3; ++i) sum = f(a, b, donate(sum))[0];
  CHECK(all(sum, 240));
  CHECK(sum.data() == memory);
}
