// Expressions of indices, sorting and searching, as users write them.
#include <functional>
#include <string>

#include <bitale/bitale.h>

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;

namespace {

Array floats(std::vector<float> v, Extents shape) { return Array::of(std::span<const float>(v), std::move(shape)); }
Array places(std::vector<std::int32_t> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  return Array::of(std::span<const std::int32_t>(v), {n});
}

Array counting(Extents shape) {
  Array a(float32, std::move(shape));
  for (std::int64_t i = 0; i < a.size(); ++i) a.view<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i);
  return a;
}

std::string text(const Array& a) { return to_string(a); }

}  // namespace

TEST_CASE("the examples of <bitale/index.h>") {
  const Dim n("n"), m("m");
  const Tensor x = input("x", float32, {n, 4}), rows = input("rows", int32, {m}),
               columns = input("columns", int32, {m});
  const Function f = function({x, rows, columns}, {
                                                      subtensor(x, {0, Slice{1, -1}}),
                                                      subtensor(x, {ellipsis, Slice{.step = -2}, newaxis}),
                                                      subtensor(x, {Slice{n - 2}, columns}),
                                                      subtensor(x, {rows, columns}),
                                                      subtensor(x, {n - 1, -1}),
                                                  });
  const auto out = f(counting({3, 4}), places({2, 0}), places({-1, 1}));
  CHECK(text(out[0]) == text(floats({1, 2}, {2})));
  CHECK(text(out[1]) == text(floats({3, 1, 7, 5, 11, 9}, {3, 2, 1})));
  CHECK(text(out[2]) == text(floats({7, 5, 11, 9}, {2, 2})));
  CHECK(text(out[3]) == text(floats({11, 1}, {2})));
  CHECK(text(out[4]) == text(floats({11}, {})));
  CHECK_THROWS_WITH(
      f(counting({3, 4}), places({2, 0}), places({0, 4})),
      contains("subtensor indices: index 4 is out of range for an extent of 4") && contains("index_test.cc"));
}

TEST_CASE("rows of a Shared are put and added in updates, and stay where an index is outside") {
  const Shared w("w", counting({3, 2})), u("u", counting({3, 2}));
  const Tensor rows = input("rows", int32, {Dim("k")});
  const Function f =
      function({rows}, {}, {.updates = {{w, set_subtensor(w, {rows}, 9)}, {u, inc_subtensor(u, {rows, 1}, 10.0)}}});
  f(places({1, -2}));
  CHECK(text(w.get()) == text(floats({0, 1, 9, 9, 4, 5}, {3, 2})));
  CHECK(text(u.get()) == text(floats({0, 1, 2, 23, 4, 5}, {3, 2})));
  CHECK_THROWS_AS(f(places({0, 3})), Error);
  CHECK(text(w.get()) == text(floats({0, 1, 9, 9, 4, 5}, {3, 2})));
  CHECK(text(u.get()) == text(floats({0, 1, 2, 23, 4, 5}, {3, 2})));
}

TEST_CASE("the gradient of an embedding is the same on any number of threads") {
  const Shared table("table", counting({500, 64}));
  const Tensor words = input("words", int32, {Dim("k")});
  const Tensor loss = sum(square(subtensor(table, {words})) * 1e-3);
  const auto run = [&](int threads) {
    std::vector<std::int32_t> w;
    for (int i = 0; i < 3000; ++i) w.push_back((i * i * 7 + i) % 500);
    return function({words}, {grad(loss, table)}, {.threads = threads})(places(w))[0].clone();
  };
  CHECK(run(2).same_bits(run(1)));
}

TEST_CASE("gradients pass through sort and topk to the elements they took") {
  const Tensor x = input("x", float32, {2, 3});
  const TopK best = topk(x, 1);
  const Tensor loss = sum(best.values) + sum(sort(x) * constant(floats({1, 10, 100}, {3})));
  const Function f = function({x}, {grad(loss, x), best.indices});
  const auto out = f(floats({5, 1, 3, 2, 2, 9}, {2, 3}));
  CHECK(text(out[0]) == text(floats({101, 1, 10, 1, 10, 101}, {2, 3})));
  CHECK(out[1].at(0) == 0);
  CHECK(out[1].at(1) == 2);
}

TEST_CASE("an index by a mask says what to use") {
  const Tensor x = input("x", float32, {4});
  CHECK_THROWS_WITH(subtensor(x, {x > 0}), contains("where(mask, a, b)") && contains("index_test.cc"));
  CHECK_THROWS_WITH(nonzero(x), contains("compress") && contains("index_test.cc"));
}
