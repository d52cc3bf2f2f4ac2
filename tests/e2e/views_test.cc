// Memory of the caller as arguments: where it is read in place, where it is copied.
#include <deque>

#include <bitale/bitale.h>

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;

namespace {

std::vector<float> ramp(int n) {
  std::vector<float> v;
  for (int i = 0; i < n; ++i) v.push_back(static_cast<float>(i));
  return v;
}

std::vector<float> values(const Array& a) {
  const auto view = a.view<float>();
  return {view.begin(), view.end()};
}

// What a std::mdspan with the layout layout_left looks like.
struct Columns {
  using element_type = const float;
  using rank_type = std::size_t;
  const float* first;
  std::size_t rows, columns;
  static constexpr rank_type rank() { return 2; }
  const float* data_handle() const { return first; }
  std::size_t extent(rank_type axis) const { return axis == 0 ? rows : columns; }
  std::size_t stride(rank_type axis) const { return axis == 0 ? 1 : rows; }
};

}  // namespace

TEST_CASE("spans and vectors are read where they lie, in every call") {
  const Tensor x = input("x", float32, {Dim("n")});
  const Function f = function({x}, {x * 2.0});
  std::vector<float> v = ramp(3);
  const std::vector<Argument> kept{v};
  CHECK(values(f(v)[0]) == std::vector<float>{0, 2, 4});
  v[1] = 5;
  CHECK(values(f.call(kept)[0]) == std::vector<float>{0, 10, 4});
  CHECK(values(f(std::span(v))[0]) == std::vector<float>{0, 10, 4});
  CHECK(values(f(std::span<const float>(v).first(2))[0]) == std::vector<float>{0, 10});
  CHECK(values(f(std::span<const float, 2>(v.data() + 1, 2))[0]) == std::vector<float>{10, 4});
  CHECK(f(std::vector<float>())[0].size() == 0);
}

TEST_CASE("a vector that is handed over is kept") {
  const Tensor x = input("x", float32, {Dim("n")});
  const Function f = function({x}, {x * 2.0});
  const std::vector<Argument> kept{ramp(3)};
  for (int i = 0; i < 2; ++i) CHECK(values(f.call(kept)[0]) == std::vector<float>{0, 2, 4});
}

TEST_CASE("strided views are read element by element, dense ones in place") {
  const Tensor x = input("x", float32, {Dim("n"), Dim("m")});
  const Function f = function({x}, {x + 0.0});
  const std::vector<float> v = ramp(12);
  using V = StridedView<const float>;
  CHECK(values(f(V(v.data(), {2, 3}))[0]) == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(values(f(V(v.data(), {2, 2}, {6, 2}))[0]) == std::vector<float>{0, 2, 6, 8});
  CHECK(values(f(V(v.data() + 11, {2, 2}, {-6, -1}))[0]) == std::vector<float>{11, 10, 5, 4});
  CHECK(values(f(V(v.data(), {2, 3}, {0, 1}))[0]) == std::vector<float>{0, 1, 2, 0, 1, 2});
  CHECK(values(f(Columns{v.data(), 2, 3})[0]) == std::vector<float>{0, 2, 4, 1, 3, 5});
}

TEST_CASE("memory that ends where it is said to end, at addresses of any alignment of the dtype") {
  const Tensor x = input("x", float32, {Dim("n"), 5}), w = input("w", float32, {5, 7});
  const Function f = function({x, w}, {tanh(dot(x, w))});
  for (const std::int64_t n : {1, 3, 16, 33})
    for (const std::size_t shift : {0, 1, 3, 5}) {
      const std::vector<float> all = ramp(static_cast<int>(n * 5) + 8), weights = ramp(43);
      std::vector<float> part(all.begin() + static_cast<std::ptrdiff_t>(shift), all.end());  // ends with the memory
      const StridedView<const float> view(all.data() + shift, {n, 5}), wv(weights.data() + shift, {5, 7});
      part.resize(static_cast<std::size_t>(n * 5));
      const Array expected = f(Array::of(std::span<const float>(part), {n, 5}), copy_of(wv))[0];
      CHECK(f(view, wv)[0].same_bits(expected));
    }
}

TEST_CASE("wrong views are errors that name the input") {
  const Tensor x = input("x", float32, {Dim("n"), 3});
  const Function f = function({x}, {x * 2.0}, {.name = "f"});
  const std::vector<float> v = ramp(12);
  const std::vector<double> d(12);
  CHECK_THROWS_WITH(f(v), contains("f: input x (float32[n, 3]") && contains("expected rank 2, given float32[12]"));
  CHECK_THROWS_WITH(f(StridedView<const double>(d.data(), {2, 3}, {1, 2})),
                    contains("expected dtype float32, given float64[2, 3] with strides [1, 2]"));
  CHECK_THROWS_WITH(f(StridedView<const float>(v.data(), {3, 2})), contains("x (float32[n, 3]") && contains("axis 1"));
  CHECK_THROWS_WITH(f(StridedView<const float>(nullptr, {2, 3})), contains("of no memory"));
}

TEST_CASE("results as spans and strided views") {
  const Function f = function({}, {reshape(arange(6, float32), {2, 3})});
  std::vector<Array> results = f();
  CHECK(strided<float>(results[0])(1, 2) == 5);
  strided<float>(results[0])(1, 2) = 7;
  CHECK(results[0].view<float>()[5] == 7);
}
