// Reductions, shapes and creation as a user calls them, compiled once for all extents.
#include <algorithm>
#include <cmath>
#include <vector>

#include <bitale/bitale.h>

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

using Numbers = std::vector<double>;

Numbers numbers(const Array& a) {
  Numbers out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

Array counted(Extents shape) {
  Array a(float32, std::move(shape));
  for (std::int64_t i = 0; i < a.size(); ++i) a.view<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i);
  return a;
}

Numbers value_of(const Tensor& y) { return numbers(function({}, {y})()[0]); }

}  // namespace

TEST_CASE("one compilation slices, rolls and pads every length") {
  Dim n("n");
  const Tensor x = input("x", float32, {n});
  const Function f =
      function({x}, {slice(x, 0, {.step = -1}), slice(x, 0, -3, n), roll(x, floordiv(n, 2), 0),
                     pad(x, {{2, 1}}, PadMode::reflect), pad(x, {{1, 0}}, PadMode::constant, 9), cumsum(x, 0)});
  for (const std::int64_t length : {1, 2, 5}) {
    const auto out = f(counted({length}));
    CHECK(numbers(out[0]).front() == static_cast<double>(length - 1));
    CHECK(out[1].size() == std::min<std::int64_t>(length, 3));
    CHECK(numbers(out[2])[static_cast<std::size_t>(length / 2)] == 0);
    CHECK(out[3].size() == length + 3);
    CHECK(numbers(out[3])[1] == (length == 1 ? 0 : 1));
    CHECK(numbers(out[4])[0] == 9);
    CHECK(numbers(out[5]).back() == static_cast<double>(length * (length - 1)) / 2);
  }
  CHECK_THROWS_AS(f(counted({0})), Error);  // nothing to reflect
}

TEST_CASE("arange takes integers, extents and floats apart") {
  Dim n("n");
  const Tensor x = input("x", float32, {n});
  CHECK(arange(3).dtype() == int64);
  CHECK(arange(0, 10).dtype() == int64);
  CHECK(arange(0, 1.0, 0.25).dtype() == float32);
  CHECK(value_of(arange(0, 1.0, 0.25)) == Numbers{0, 0.25, 0.5, 0.75});
  CHECK(value_of(arange(5, 0, -2, int32)) == Numbers{5, 3, 1});
  CHECK(numbers(function({x}, {x * cast(arange(1, n + 1), float32)})(counted({3}))[0]) == Numbers{0, 2, 6});
  CHECK(value_of(linspace(0, 1, 3)) == Numbers{0, 0.5, 1});
  CHECK(value_of(linspace(0, 1, 2, false)) == Numbers{0, 0.5});
  CHECK(value_of(identity(2)) == Numbers{1, 0, 0, 1});
  CHECK(value_of(tri(2, 2)) == Numbers{1, 0, 1, 1});
  CHECK(value_of(sum(full_like(zeros(int32, {2, 2}), 3))) == Numbers{12});
  CHECK(value_of(meshgrid({arange(2), arange(3)})[0]) == Numbers{0, 1, 0, 1, 0, 1});
  CHECK(value_of(meshgrid({arange(2), arange(3)}, Indexing::ij)[0]) == Numbers{0, 0, 0, 1, 1, 1});
  CHECK(value_of(indices({2, 2})[1]) == Numbers{0, 1, 0, 1});
}

TEST_CASE("shapes change, and gradients find their way back") {
  Dim n("n");
  const Tensor x = input("x", float32, {n, 4});
  const auto halves = split(x, 2, 1);
  const Tensor y = stack({halves[0], halves[1]}, 0), z = repeat(tile(moveaxis(y, {0}, {-1}), {1, 2, 1}), 2, 0);
  const Tensor cost = sum(tril(x)) + sum(square(z)) + trace(x) + norm(flatten(x));
  const Function f = function({x}, {cost, grad(cost, x)});
  const Array v = counted({3, 4});
  const auto out = f(v);
  double squares = 0;
  for (int i = 0; i < 12; ++i) squares += i * i;
  // tril: 0 + 4 + 5 + 8 + 9 + 10; trace: 0 + 5 + 10; z holds every element four times.
  CHECK(out[0].at(0) == Approx(36 + 4 * squares + 15 + std::sqrt(squares)));
  CHECK(out[1].at(5) == Approx(1 + 8 * 5 + 1 + 5 / std::sqrt(squares)));
  CHECK(out[1].at(3) == Approx(8 * 3 + 3 / std::sqrt(squares)));
}

TEST_CASE("reductions by every name") {
  const Tensor x = input("x", float32, {2, 3});
  const Function f =
      function({x}, {prod(x, {1}), var(x, {1}), stddev(x, {1}, 1), ptp(x), any(x, {1}), all(x, {1}), count_nonzero(x),
                     norm(x, 1), cast(argmax(x, Axes{0, 1}, true), float32), cummax(x, 1, true),
                     linear_recurrence(0.5, x, 1), mean(x, {0}, true), atleast_3d(x), squeeze(expand_dims(x, 0))});
  const auto out = f(counted({2, 3}));
  CHECK(numbers(out[0]) == Numbers{0, 60});
  CHECK(numbers(out[2]) == Numbers{1, 1});
  CHECK(numbers(out[3]) == Numbers{5});
  CHECK(numbers(out[4]) == Numbers{1, 1});
  CHECK(numbers(out[5]) == Numbers{0, 1});
  CHECK(numbers(out[6]) == Numbers{5});
  CHECK(numbers(out[7]) == Numbers{15});
  CHECK(out[8].shape() == Extents{1, 1});
  CHECK(numbers(out[9]) == Numbers{2, 2, 2, 5, 5, 5});
  CHECK(numbers(out[10]) == Numbers{0, 1, 2.5, 3, 5.5, 7.75});
  CHECK(numbers(out[11]) == Numbers{1.5, 2.5, 3.5});
  CHECK(out[12].shape() == Extents{2, 3, 1});
  CHECK(out[13].shape() == Extents{2, 3});
}
