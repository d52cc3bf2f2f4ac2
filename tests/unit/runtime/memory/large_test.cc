#include "runtime/memory/large.h"

#include <cstring>

#include "runtime/base/flags.h"
#include "runtime/base/sanitizers.h"
#include "runtime/memory/array.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

constexpr std::size_t page = large::least;

class Bound {
 public:
  explicit Bound(std::int64_t mb) : saved_(flags().spare_mb) {
    large::release_spare();
    flags().spare_mb = mb;
  }
  ~Bound() {
    flags().spare_mb = saved_;
    large::release_spare();
  }

 private:
  const std::int64_t saved_;
};

}  // namespace

TEST_CASE("large memory that was given back is taken again by who asks for as much") {
  const Bound bound(64);
  std::size_t first_capacity = 0, other_capacity = 0, again_capacity = 0;
  void* const first = large::take(3 * page - 5, first_capacity);
  REQUIRE(first);
  CHECK(first_capacity == 3 * page);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % page == 0);
  std::memset(first, 1, first_capacity);
  large::give_back(first, first_capacity);
  CHECK(large::spare_bytes() == 3 * page);
  void* const other = large::take(4 * page, other_capacity);
  CHECK(other != first);
  CHECK(large::spare_bytes() == 3 * page);
  void* const again = large::take(2 * page + 1, again_capacity);
  CHECK(again == first);
  CHECK(large::spare_bytes() == 0);
  large::give_back(again, again_capacity);
  large::give_back(other, other_capacity);
}

TEST_CASE("no more large memory is kept than the bound, and the newest of it") {
  const Bound bound(8);
  void* blocks[3];
  std::size_t capacity = 0;
  for (void*& b : blocks) REQUIRE((b = large::take(2 * page, capacity)));
  for (void* b : blocks) large::give_back(b, capacity);
  CHECK(large::spare_bytes() == 4 * page);
  void* const newest = large::take(2 * page, capacity);
  CHECK(newest == blocks[2]);
  flags().spare_mb = 0;
  large::give_back(newest, capacity);
  CHECK(large::spare_bytes() == 0);
}

TEST_CASE("memory that no machine has is not there") {
  std::size_t capacity = 0;
  CHECK(large::take(std::size_t{1} << 47, capacity) == nullptr);
}

TEST_CASE("a dropped array's memory is the next one's") {
  if (address_sanitizer) return;  // which watches what is freed instead
  const Bound bound(64);
  const void* first = nullptr;
  {
    const Array a(DType::f32, {1 << 20});
    first = a.data();
  }
  const Array b(DType::f32, {1 << 20});
  CHECK(b.data() == first);
}
