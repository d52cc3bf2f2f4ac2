#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/library/library.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

struct Call {
  Context context;
  std::vector<std::int64_t> rows;
  int result = 0;
};

template <class T>
Call checked_rows(std::vector<T> indices, std::int64_t extent, bool from_end = true) {
  Call call;
  call.rows.assign(indices.size(), -9);
  void* const buffers[] = {indices.data(), call.rows.data()};
  const std::int64_t extents[] = {extent, static_cast<std::int64_t>(indices.size())};
  const std::int64_t integers[] = {static_cast<std::int64_t>(dtype_of<T>()), from_end};
  call.result = library::find("checked_rows")(&call.context, {buffers, extents, integers, {}});
  return call;
}

}  // namespace

TEST_CASE("checked_rows counts from the start") {
  CHECK(checked_rows<std::int64_t>({-3, 2, 0, -1}, 3).rows == std::vector<std::int64_t>{0, 2, 0, 2});
  CHECK(checked_rows<std::int8_t>({-128, 127}, 128).rows == std::vector<std::int64_t>{0, 127});
  CHECK(checked_rows<std::uint8_t>({255}, 256).rows == std::vector<std::int64_t>{255});
  CHECK(checked_rows<std::int32_t>({}, 0).result == 0);
}

TEST_CASE("checked_rows reports the first index outside, and writes no row that is none") {
  const Call call = checked_rows<std::int32_t>({1, -4, 3}, 3);
  CHECK(call.result == static_cast<int>(ErrorCode::index_out_of_range));
  CHECK(call.context.error_value == -4);
  CHECK(call.context.error_limit == 3);
  CHECK(call.rows == std::vector<std::int64_t>{1, -9, -9});
}

TEST_CASE("checked_rows refuses negative indices where they mean nothing") {
  CHECK(checked_rows<std::int64_t>({0, 2}, 3, false).rows == std::vector<std::int64_t>{0, 2});
  const Call call = checked_rows<std::int64_t>({1, -1}, 3, false);
  CHECK(call.result == static_cast<int>(ErrorCode::index_out_of_range));
  CHECK(call.context.error_value == -1);
}
