#include "runtime/library/cumulative.h"

#include <cmath>
#include <limits>
#include <vector>

#include "runtime/base/dtype.h"
#include "tests/support/catch.h"

using namespace bitale;
using library::Cumulative;

namespace {

template <class T>
std::vector<T> cumulative(std::vector<T> x, Cumulative kind, bool reverse, const std::vector<std::int64_t>& extents) {
  Context context;
  std::vector<T> out(x.size());
  void* const buffers[] = {x.data(), out.data()};
  const std::int64_t integers[] = {static_cast<std::int64_t>(dtype_of<T>()), static_cast<std::int64_t>(kind), reverse};
  CHECK(library::find("cumulative")(&context, {buffers, extents, integers, {}}) == 0);
  return out;
}

std::vector<double> recurrence(std::vector<double> a, std::vector<double> b, bool reverse,
                               const std::vector<std::int64_t>& extents) {
  Context context;
  std::vector<double> out(a.size());
  void* const buffers[] = {a.data(), b.data(), out.data()};
  const std::int64_t integers[] = {static_cast<std::int64_t>(DType::f64), reverse};
  CHECK(library::find("linear_recurrence")(&context, {buffers, extents, integers, {}}) == 0);
  return out;
}

using Floats = std::vector<float>;
using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("sums and products along an axis, in both directions") {
  CHECK(cumulative<float>({1, 2, 3, 4, 5, 6}, Cumulative::sum, false, {2, 3, 1}) == Floats{1, 3, 6, 4, 9, 15});
  CHECK(cumulative<float>({1, 2, 3, 4, 5, 6}, Cumulative::sum, true, {2, 3, 1}) == Floats{6, 5, 3, 15, 11, 6});
  CHECK(cumulative<float>({1, 2, 3, 4, 5, 6}, Cumulative::sum, false, {1, 3, 2}) == Floats{1, 2, 4, 6, 9, 12});
  CHECK(cumulative<float>({1, 2, 3, 0, 5, 6}, Cumulative::prod, true, {1, 3, 2}) == Floats{15, 0, 15, 0, 5, 6});
}

TEST_CASE("integers wrap") {
  using Bytes = std::vector<std::int8_t>;
  CHECK(cumulative<std::int8_t>({100, 100, 1}, Cumulative::sum, false, {1, 3, 1}) == Bytes{100, -56, -55});
  using Shorts = std::vector<std::int16_t>;
  CHECK(cumulative<std::int16_t>({-300, 300}, Cumulative::prod, false, {1, 2, 1}) == Shorts{-300, -24464});
  const std::int64_t large = std::numeric_limits<std::int64_t>::max();
  CHECK(cumulative<std::int64_t>({large, 1}, Cumulative::sum, false, {1, 2, 1})[1] == -large - 1);
}

TEST_CASE("NaN stays the extremum") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Cumulative kind : {Cumulative::max, Cumulative::min})
    for (const std::int64_t inner : {1, 2}) {
      const Floats x = inner == 1 ? Floats{1, nan, 9} : Floats{1, 1, nan, nan, 9, 9};
      const Floats y = cumulative<float>(x, kind, false, {1, 3, inner});
      CHECK(y.front() == 1);
      for (std::size_t i = static_cast<std::size_t>(inner); i < y.size(); ++i) CHECK(std::isnan(y[i]));
    }
  CHECK(cumulative<float>({2, 1, 3, 3}, Cumulative::max, false, {1, 4, 1}) == Floats{2, 2, 3, 3});
  CHECK(cumulative<float>({2, 1, 3, 0}, Cumulative::min, true, {1, 4, 1}) == Floats{0, 0, 0, 0});
}

TEST_CASE("a linear recurrence begins with b alone") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(recurrence({nan, 2, 3}, {1, 10, 100}, false, {1, 3, 1}) == Numbers{1, 12, 136});
  CHECK(recurrence({2, 3, nan}, {1, 10, 100}, true, {1, 3, 1}) == Numbers{621, 310, 100});
  CHECK(recurrence({9, 9, 2, 3}, {1, 2, 3, 4}, false, {1, 2, 2}) == Numbers{1, 2, 5, 10});
}

TEST_CASE("empty axes are left alone") {
  CHECK(cumulative<float>({}, Cumulative::sum, true, {2, 0, 3}).empty());
  CHECK(cumulative<float>({}, Cumulative::max, false, {0, 2, 3}).empty());
  CHECK(recurrence({}, {}, false, {2, 0, 1}).empty());
}
