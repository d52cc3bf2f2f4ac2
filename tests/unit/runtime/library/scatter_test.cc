#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/library/library.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

struct Call {
  Context context;
  int result = 0;
};

template <class T>
Call scatter(const std::string& name, const std::vector<T>& x, std::vector<std::int64_t> indices,
             std::vector<T> updates, std::vector<T>& out, const std::vector<std::int64_t>& extents, int threads = 1) {
  Call call;
  std::vector<T> copy = x;
  void* const buffers[] = {copy.data(), indices.data(), updates.data(), out.data()};
  const std::int64_t integers[] = {static_cast<std::int64_t>(dtype_of<T>())};
  for (int thread = 0; thread < threads; ++thread)
    call.result = library::find(name)(&call.context, {buffers, extents, integers, {}, thread, threads});
  return call;
}

}  // namespace

TEST_CASE("scatter_add adds rows, negative and repeated indices included") {
  std::vector<float> out(6);
  const Call call =
      scatter<float>("scatter_add", {1, 2, 3, 4, 5, 6}, {-1, 0, -1}, {10, 20, 30, 40, 50, 60}, out, {1, 3, 2, 3});
  CHECK(call.result == 0);
  CHECK(out == std::vector<float>{31, 42, 3, 4, 65, 86});
}

TEST_CASE("scatter_add along an inner axis, of integers that wrap") {
  std::vector<std::int8_t> out(4);
  const Call call = scatter<std::int8_t>("scatter_add", {1, 2, 3, 127}, {1, 1}, {1, 2, 3, 4}, out, {2, 2, 1, 2});
  CHECK(call.result == 0);
  CHECK(out == std::vector<std::int8_t>{1, 5, 3, -122});
}

TEST_CASE("scatter_add reports the first index outside") {
  std::vector<double> out(2);
  const Call call = scatter<double>("scatter_add", {1, 2}, {0, 5, -3}, {1, 1, 1}, out, {1, 2, 1, 3});
  CHECK(call.result == static_cast<int>(ErrorCode::index_out_of_range));
  CHECK(call.context.error_value == 5);
  CHECK(call.context.error_limit == 2);
}

TEST_CASE("scatter_set keeps the last of equal indices") {
  std::vector<float> out(6);
  const Call call =
      scatter<float>("scatter_set", {1, 2, 3, 4, 5, 6}, {-1, 0, 2}, {10, 20, 30, 40, 50, 60}, out, {1, 3, 2, 3});
  CHECK(call.result == 0);
  CHECK(out == std::vector<float>{30, 40, 3, 4, 50, 60});
  CHECK(scatter<float>("scatter_set", {1, 2}, {2}, {3}, out, {1, 2, 1, 1}).result != 0);
}

TEST_CASE("scatter_max and scatter_min keep an extremum of all; NaN stays") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> out(4);
  for (const auto& [name, expected] : {std::pair{"scatter_max", std::vector<double>{7, 2, nan, nan}},
                                       std::pair{"scatter_min", std::vector<double>{-3, 1, nan, nan}}}) {
    scatter<double>(name, {1, 2, nan, 4}, {0, 0, -3, 2, 3, 3}, {7, -3, 1, 5, nan, 9}, out, {1, 4, 1, 6});
    for (std::size_t i = 0; i < 4; ++i)
      CHECK((out[i] == expected[i] || (std::isnan(out[i]) && std::isnan(expected[i]))));
  }
  std::vector<std::uint8_t> bytes(2);
  scatter<std::uint8_t>("scatter_max", {200, 3}, {0, 1}, {100, 250}, bytes, {1, 2, 1, 2});
  CHECK(bytes == std::vector<std::uint8_t>{200, 250});
}

// Extents that split by the outer axis, by columns, and by rows.
TEST_CASE("threads share a scatter without changing a bit of it") {
  const std::vector<std::vector<std::int64_t>> cases{{5, 7, 3, 40}, {1, 7, 83, 40}, {2, 50, 3, 200}, {1, 1, 1, 9}};
  std::mt19937_64 random(3);
  for (const auto& e : cases)
    for (const std::string name : {"scatter_add", "scatter_set", "scatter_max", "scatter_min"}) {
      const auto floats = [&](std::int64_t n) {
        std::vector<float> v(static_cast<std::size_t>(n));
        for (float& f : v) f = std::uniform_real_distribution<float>(-1, 1)(random);
        return v;
      };
      std::vector<std::int64_t> indices(static_cast<std::size_t>(e[3]));
      for (auto& i : indices) i = std::uniform_int_distribution<std::int64_t>(-e[1], e[1] - 1)(random);
      const auto x = floats(e[0] * e[1] * e[2]), updates = floats(e[0] * e[3] * e[2]);
      std::vector<float> one(x.size());
      scatter<float>(name, x, indices, updates, one, e);
      for (const int threads : {2, 3, 4}) {
        std::vector<float> many(x.size());
        scatter<float>(name, x, indices, updates, many, e, threads);
        CHECK(many == one);
      }
    }
}
