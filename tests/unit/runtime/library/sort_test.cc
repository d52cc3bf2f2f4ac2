#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/library/library.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

using Places = std::vector<std::int64_t>;

template <class T>
Places argsort(std::vector<T> x, const std::vector<std::int64_t>& extents, bool descending = false, int threads = 1) {
  Places out(static_cast<std::size_t>(extents[0] * extents[2] * extents[3]), -1);
  Context context;
  void* const buffers[] = {x.data(), out.data()};
  const std::int64_t integers[] = {static_cast<std::int64_t>(dtype_of<T>()), descending};
  for (int thread = 0; thread < threads; ++thread)
    CHECK(library::find("argsort")(&context, {buffers, extents, integers, {}, thread, threads}) == 0);
  return out;
}

template <class T>
Places searchsorted(std::vector<T> sorted, std::vector<T> values, std::int64_t outer, bool right, int threads = 1) {
  Places out(values.size(), -1);
  Context context;
  void* const buffers[] = {sorted.data(), values.data(), out.data()};
  const std::int64_t extents[] = {outer, static_cast<std::int64_t>(sorted.size()) / outer,
                                  static_cast<std::int64_t>(values.size()) / outer};
  const std::int64_t integers[] = {static_cast<std::int64_t>(dtype_of<T>()), right};
  for (int thread = 0; thread < threads; ++thread)
    library::find("searchsorted")(&context, {buffers, extents, integers, {}, thread, threads});
  return out;
}

const double not_a_number = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("argsort puts NaN above infinity, whatever its sign, and takes -0 for 0") {
  const std::vector<double> x{not_a_number, 1, 0.0, -inf, -0.0, -not_a_number, inf, -2};
  CHECK(argsort<double>(x, {1, 8, 1, 8}) == Places{3, 7, 2, 4, 1, 6, 0, 5});
  CHECK(argsort<double>(x, {1, 8, 1, 8}, true) == Places{0, 5, 6, 1, 2, 4, 7, 3});
  const std::vector<float> narrow(x.begin(), x.end());
  CHECK(argsort<float>(narrow, {1, 8, 1, 8}) == Places{3, 7, 2, 4, 1, 6, 0, 5});
}

TEST_CASE("argsort of integers over their whole range") {
  CHECK(argsort<std::int8_t>({0, -128, 127, -1, 0}, {1, 5, 1, 5}) == Places{1, 3, 0, 4, 2});
  CHECK(argsort<std::uint8_t>({0, 255, 128}, {1, 3, 1, 3}, true) == Places{1, 2, 0});
  const auto low = std::numeric_limits<std::int64_t>::min(), high = std::numeric_limits<std::int64_t>::max();
  CHECK(argsort<std::int64_t>({0, high, low, -1}, {1, 4, 1, 4}) == Places{2, 3, 0, 1});
  CHECK(argsort<std::int64_t>({0, high, low, -1}, {1, 4, 1, 4}, true) == Places{1, 0, 3, 2});
}

TEST_CASE("argsort of an inner axis, and the first of the order alone") {
  // Rows are columns of [3, 2] matrices.
  const std::vector<float> x{3, 1, 2, 5, 1, 3, 9, 8, 7, 8, 8, 8};
  CHECK(argsort<float>(x, {2, 3, 2, 3}) == Places{2, 0, 1, 2, 0, 1, 1, 0, 2, 1, 0, 2});
  CHECK(argsort<float>(x, {2, 3, 2, 1}) == Places{2, 0, 1, 0});
  CHECK(argsort<float>({}, {1, 0, 1, 0}).empty());
  CHECK(argsort<float>(x, {12, 1, 1, 0}).empty());
}

TEST_CASE("argsort is what a stable sort gives, on any number of threads") {
  std::mt19937_64 random(5);
  const std::int64_t rows = 5, n = 1000;
  std::vector<float> x(static_cast<std::size_t>(rows * n));
  for (float& v : x) v = static_cast<float>(std::uniform_int_distribution<int>(-40, 40)(random));
  Places expected;
  for (std::int64_t r = 0; r < rows; ++r) {
    Places order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return x[static_cast<std::size_t>(r * n + a)] < x[static_cast<std::size_t>(r * n + b)];
    });
    expected.insert(expected.end(), order.begin(), order.end());
  }
  for (const int threads : {1, 2, 3, 8}) {
    CHECK(argsort<float>(x, {rows, n, 1, n}, false, threads) == expected);
    const Places first = argsort<float>(x, {rows, n, 1, 17}, false, threads);
    for (std::int64_t r = 0; r < rows; ++r)
      CHECK(std::equal(first.begin() + r * 17, first.begin() + (r + 1) * 17, expected.begin() + r * n));
  }
}

TEST_CASE("searchsorted before and behind equal elements, and of NaN") {
  const std::vector<double> sorted{-1, 0, 0, 2, not_a_number};
  const std::vector<double> values{-5, -1, -0.0, 1, 2, 3, not_a_number};
  CHECK(searchsorted<double>(sorted, values, 1, false) == Places{0, 0, 1, 3, 3, 4, 4});
  CHECK(searchsorted<double>(sorted, values, 1, true) == Places{0, 1, 3, 3, 4, 4, 5});
  CHECK(searchsorted<double>({}, {1, 2}, 1, true) == Places{0, 0});
}

TEST_CASE("searchsorted takes each value's own row, on any number of threads") {
  const std::vector<std::int32_t> sorted{1, 2, 3, 10, 20, 30}, values{2, 4, 5, 20};
  for (const int threads : {1, 2, 3}) CHECK(searchsorted(sorted, values, 2, false, threads) == Places{1, 3, 0, 1});
}
