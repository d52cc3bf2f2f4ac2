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
Call scatter_add(const std::vector<T>& x, std::vector<std::int64_t> indices, std::vector<T> updates,
                 std::vector<T>& out, const std::vector<std::int64_t>& extents) {
  Call call;
  std::vector<T> copy = x;
  void* const buffers[] = {copy.data(), indices.data(), updates.data(), out.data()};
  const std::int64_t integers[] = {static_cast<std::int64_t>(dtype_of<T>())};
  call.result = library::find("scatter_add")(&call.context, {buffers, extents, integers, {}});
  return call;
}

}  // namespace

TEST_CASE("scatter_add adds rows, negative and repeated indices included") {
  std::vector<float> out(6);
  const Call call = scatter_add<float>({1, 2, 3, 4, 5, 6}, {-1, 0, -1}, {10, 20, 30, 40, 50, 60}, out, {1, 3, 2, 3});
  CHECK(call.result == 0);
  CHECK(out == std::vector<float>{31, 42, 3, 4, 65, 86});
}

TEST_CASE("scatter_add along an inner axis, of integers that wrap") {
  std::vector<std::int8_t> out(4);
  const Call call = scatter_add<std::int8_t>({1, 2, 3, 127}, {1, 1}, {1, 2, 3, 4}, out, {2, 2, 1, 2});
  CHECK(call.result == 0);
  CHECK(out == std::vector<std::int8_t>{1, 5, 3, -122});
}

TEST_CASE("scatter_add reports the first index outside") {
  std::vector<double> out(2);
  const Call call = scatter_add<double>({1, 2}, {0, 5, -3}, {1, 1, 1}, out, {1, 2, 1, 3});
  CHECK(call.result == static_cast<int>(ErrorCode::index_out_of_range));
  CHECK(call.context.error_value == 5);
  CHECK(call.context.error_limit == 2);
}
