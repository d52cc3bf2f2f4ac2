#include "compiler/eval/eval.h"

#include <cmath>
#include <limits>

#include "compiler/prim/prim.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::ir;
using bitale::tests::contains;
using eval::evaluate;

namespace {

Array floats(std::vector<float> values, Extents shape) {
  return Array::of<float>(std::span<const float>(values), std::move(shape));
}

Array run(const Tensor& y, std::vector<eval::Binding> bindings) { return evaluate({&y, 1}, bindings)[0]; }

std::vector<double> elements(const Array& a) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

using Numbers = std::vector<double>;
const Dim n = Dim::symbol("n"), m = Dim::symbol("m");

}  // namespace

TEST_CASE("symbols are bound by shapes") {
  const Tensor x = input("x", {DType::f32, {n, 2}});
  CHECK(elements(run(sum(x, {0}), {{x, floats({1, 2, 3, 4, 5, 6}, {3, 2})}})) == Numbers{9, 12});
  CHECK(run(extent(n * Dim(2)), {{x, floats({1, 2}, {1, 2})}}).at(0) == 2);
  const Tensor odd = input("odd", {DType::f32, {n * Dim(2) + Dim(1)}});
  CHECK(run(extent(n), {{odd, floats({1, 2, 3, 4, 5}, {5})}}).at(0) == 2);
}

TEST_CASE("extents that must agree and do not are an error") {
  const Tensor a = input("a", {DType::f32, {n}}, {"model.cc", 1}), b = input("b", {DType::f32, {m}}, {"model.cc", 2});
  const Tensor y = add(a, b, {"model.cc", 3});
  const Array three = floats({1, 2, 3}, {3}), two = floats({1, 2}, {2});
  CHECK(elements(run(y, {{a, three}, {b, three}})) == Numbers{2, 4, 6});
  CHECK_THROWS_AS(run(y, {{a, three}, {b, two}}), Error);
  CHECK_THROWS_WITH(run(y, {{a, three}, {b, two}}),
                    contains("n = 3") && contains("m = 2") && contains("model.cc:1") && contains("model.cc:3"));
  const Tensor square_input = input("s", {DType::f32, {n, n}});
  CHECK_THROWS_AS(run(square_input + 1, {{square_input, floats({1, 2}, {1, 2})}}), Error);
}

TEST_CASE("free leaves, unknown extents and wrong values are errors that name them") {
  const Tensor a = input("a", {DType::f32, {n}}, {"model.cc", 1});
  CHECK_THROWS_WITH(run(zeros(DType::f32, {n}), {}), contains("extent n"));
  CHECK_THROWS_WITH(run(input("free", {DType::f32, {}}) + 1, {}), contains("free"));
  CHECK_THROWS_WITH(run(a, {{a, Array::scalar<float>(1)}}), contains("a (float32[n]"));
  CHECK_THROWS_AS(run(a, {{a, Array::zeros(DType::f64, {3})}}), Error);
}

TEST_CASE("any tensor can be given a value") {
  const Tensor x = input("x", {DType::f32, {}});
  const Tensor inner = x * 2, y = inner + 1;
  CHECK(run(y, {{inner, Array::scalar<float>(10)}}).at(0) == 11);
}

TEST_CASE("index maps") {
  const Tensor x = input("x", {DType::f32, {2, 3}});
  const Array values = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  const auto of = [&](const Tensor& y) { return elements(run(y, {{x, values}})); };
  CHECK(of(transpose(x)) == Numbers{1, 4, 2, 5, 3, 6});
  CHECK(of(flip(x, {1})) == Numbers{3, 2, 1, 6, 5, 4});
  CHECK(of(slice(x, {0, 2}, {2, 2}, {1, -2})) == Numbers{3, 1, 6, 4});
  CHECK(of(pad(x, {1, 0}, {3, 4}, {1, 1})) == Numbers{0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0});
  CHECK(of(pad(x, {0, 4}, {2, 5}, {1, -2})) == Numbers{3, 0, 2, 0, 1, 6, 0, 5, 0, 4});
  CHECK(of(concat({x, slice(x, {0, 0}, {2, 1}, {1, 1})}, 1)) == Numbers{1, 2, 3, 1, 4, 5, 6, 4});
  CHECK(of(reshape(x, {3, 2})) == Numbers{1, 2, 3, 4, 5, 6});
  CHECK(of(iota(DType::i64, {2, 3}, 1)) == Numbers{0, 1, 2, 0, 1, 2});
}

TEST_CASE("reductions") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = input("x", {DType::f32, {2, 3}});
  const Array values = floats({1, 3, 3, 4, nan, nan}, {2, 3});
  const auto of = [&](const Tensor& y) { return elements(run(y, {{x, values}})); };
  CHECK(of(argmax(x, {1})) == Numbers{1, 1});
  CHECK(of(argmin(x, {1})) == Numbers{0, 1});
  CHECK(of(argmax(x, {0, 1})) == Numbers{4});
  const Numbers highest = of(max(x, {1}));
  CHECK(highest[0] == 3);
  CHECK(std::isnan(highest[1]));
  const Tensor flags = less(x, 4);
  CHECK(of(sum(flags, {1})) == Numbers{3, 0});
  const Tensor nothing = input("nothing", {DType::f32, {0, 2}});
  const Array none = Array::zeros(DType::f32, {0, 2});
  CHECK(elements(run(sum(nothing, {0}), {{nothing, none}})) == Numbers{0, 0});
  CHECK(elements(run(max(nothing, {0}), {{nothing, none}})) == Numbers(2, -std::numeric_limits<double>::infinity()));
  CHECK(elements(run(argmax(nothing, {0}), {{nothing, none}})) == Numbers{0, 0});
}

TEST_CASE("floats are summed in double and rounded once") {
  const Tensor x = input("x", {DType::f32, {3}});
  CHECK(run(sum(x, {0}), {{x, floats({1e8f, 1, -1e8f}, {3})}}).at(0) == 1);
}

TEST_CASE("strong_mul gives 0 for a cotangent of 0") {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor dy = input("dy", {DType::f32, {3}}), d = input("d", {DType::f32, {3}});
  const Array got = run(strong_mul(dy, d), {{dy, floats({0, 0, 2}, {3})}, {d, floats({inf, std::nanf(""), 3}, {3})}});
  CHECK(elements(got) == Numbers{0, 0, 6});
}

TEST_CASE("a chain of 50,000 nodes is evaluated") {
  const Tensor x = input("x", {DType::f32, {}});
  Tensor y = x;
  for (int i = 0; i < 50'000; ++i) y = neg(y);
  CHECK(run(y, {{x, Array::scalar<float>(3)}}).at(0) == 3);
}
