// Results written into memory of the caller.
#include <bitale/bitale.h>

#include "runtime/base/error.h"
#include "tests/support/arrays.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::filled;

namespace {

Function two() {
  const Tensor x = input("x", float32, {Dim("n"), 3});
  return function({x}, {(x * 2.0).named("twice"), sum(x, {1})}, {.name = "two"});
}

}  // namespace

TEST_CASE("outputs go to Arrays, vectors, spans and views, and nothing is allocated for them") {
  const Function f = two();
  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  const StridedView<const float> in(x.data(), {2, 3});
  Array twice(float32, {2, 3});
  std::vector<float> sums(2);
  f.call_into({in}, {twice, sums});
  CHECK(twice.at(5) == 12);
  CHECK(sums == std::vector<float>{6, 15});
  std::vector<float> memory(9, -1);
  f.call_into({in}, {StridedView<float>(memory.data() + 1, {2, 3}), std::span(memory).subspan(7)});
  CHECK(memory == std::vector<float>{-1, 2, 4, 6, 8, 10, 12, 6, 15});
  const std::vector<Argument> arguments{in};
  const std::vector<Destination> destinations{twice, sums};
  CHECK(f.planned_memory(arguments).output_bytes == 32);
  CHECK(f.planned_memory(arguments, destinations).output_bytes == 0);
  f.call_into(arguments, destinations);
}

TEST_CASE("an Array that shares its memory shows the result everywhere") {
  const Function f = two();
  Array a = filled(0, {1, 3}), sums(float32, {1});
  const Array same = a;
  f.call_into({filled(1, {1, 3})}, {a, sums});
  CHECK(same.at(0) == 2);
}

TEST_CASE("a destination may be an input, whether the program can write over it or not") {
  const Tensor x = input("x", float32, {64, 64});
  const Function over = function({x}, {x * 2.0}), turn = function({x}, {transpose(x) + 1.0});
  Array a(float32, {64, 64});
  for (std::size_t i = 0; i < 64 * 64; ++i) a.view<float>()[i] = static_cast<float>(i);
  const Array doubled = over(a)[0], turned = turn(doubled)[0];
  const std::vector<Argument> argument{a};
  const std::vector<Destination> destination{a};
  CHECK(over.planned_memory(argument, destination).output_bytes == 0);
  CHECK(turn.planned_memory(argument, destination).output_bytes == 64 * 64 * 4);  // and copied
  over.call_into({a}, {a});
  CHECK(a.same_bits(doubled));
  turn.call_into({a}, {a});
  CHECK(a.same_bits(turned));
}

TEST_CASE("a destination may overlap arguments in any way") {
  const Tensor x = input("x", float32, {Dim("n")});
  const Function f = function({x}, {x + 1.0});
  for (const int shift : {-3, -1, 1, 3, 8}) {
    std::vector<float> memory(32);
    for (std::size_t i = 0; i < 32; ++i) memory[i] = static_cast<float>(i);
    f.call_into({StridedView<const float>(memory.data() + 8, {8})},
                {StridedView<float>(memory.data() + 8 + shift, {8})});
    for (int i = 0; i < 8; ++i) CHECK(memory[static_cast<std::size_t>(8 + shift + i)] == static_cast<float>(9 + i));
  }
}

TEST_CASE("outputs that are inputs, views, constants, or the same tensor twice are copied") {
  const Tensor x = input("x", float32, {2, 3}), twice = x * 2.0;
  const Array numbers = filled(7, {2});
  const Function f = function({x}, {x, reshape(x, {3, 2}), constant(numbers), twice, twice});
  std::vector<float> a(6), b(2);
  Array r(float32, {3, 2}), t1(float32, {2, 3}), t2(float32, {2, 3});
  f.call_into({filled(4, {2, 3})}, {StridedView<float>(a.data(), {2, 3}), r, b, t1, t2});
  CHECK(a == std::vector<float>(6, 4));
  CHECK(r.at(5) == 4);
  CHECK(b == std::vector<float>{7, 7});
  CHECK(t1.at(0) == 8);
  CHECK(t2.at(5) == 8);
}

TEST_CASE("destinations beside updates and donated arguments") {
  const Tensor x = input("x", float32, {4});
  const Shared w("w", filled(1, {4}));
  const Function f = function({x}, {w * x}, {.updates = {{w, w + x}}});
  std::vector<float> y(4);
  for (int i = 1; i <= 3; ++i) {
    f.call_into({donate(filled(2, {4}))}, {y});
    CHECK(y == std::vector<float>(4, static_cast<float>(2 * (2 * i - 1))));
  }
  CHECK(w.get().at(0) == 7);
}

TEST_CASE("wrong destinations are errors that name the output, and nothing is written") {
  const Function f = two();
  const Array x = filled(1, {2, 3});
  Array twice = filled(-1, {2, 3}), sums = filled(-1, {2}), nothing;
  std::vector<double> wide(2);
  CHECK_THROWS_WITH(f.call_into({x}, {twice}), contains("two: call_into takes one destination per output, 2, got 1"));
  CHECK_THROWS_WITH(f.call_into({x}, {twice, nothing}), contains("output 1 'output1' is an empty Array handle"));
  CHECK_THROWS_WITH(f.call_into({x}, {twice, wide}), contains("'output1' is float64[2], expected float32[2]"));
  CHECK_THROWS_WITH(f.call_into({x}, {sums, sums}), contains("output 0 'twice' is float32[2], expected float32[2, 3]"));
  CHECK_THROWS_WITH(f.call_into({x}, {StridedView<float>(twice.view<float>().data(), {2, 3}, {1, 2}), sums}),
                    contains("output 0 'twice' is not dense in row-major order: float32[2, 3] with strides [1, 2]"));
  CHECK_THROWS_WITH(f.call_into({x}, {StridedView<const float>(twice.view<float>().data(), {2, 3}), sums}),
                    contains("output 0 'twice' is read-only memory"));
  CHECK_THROWS_WITH(f.call_into({x}, {twice, StridedView<float>(twice.view<float>().data() + 5, {2}, {0})}),
                    contains("output 1 'output1' is not dense"));
  CHECK_THROWS_WITH(f.call_into({x}, {twice, StridedView<float>(twice.view<float>().data() + 1, {2})}),
                    contains("output 1 'output1' overlaps that of output 0 'twice'"));
  CHECK_THROWS_WITH(Function().call_into({}, {}), contains("call of an empty Function"));
  CHECK(twice.at(0) == -1);
}
