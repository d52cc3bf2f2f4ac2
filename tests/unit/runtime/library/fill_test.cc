#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/device/cpu.h"
#include "runtime/library/form.h"
#include "runtime/library/library.h"
#include "tests/support/catch.h"
#include "tests/support/message_of.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// Whether `count` elements behind the first `offset` ones are `value`, and all around are as before.
template <class T>
bool fills(T value, std::int64_t count, std::int64_t offset, int threads) {
  constexpr std::int64_t behind = 40;
  const T other = static_cast<T>(77);
  std::vector<T> memory(static_cast<std::size_t>(offset + count + behind), other);
  std::int64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  void* const buffers[] = {memory.data() + offset};
  const std::int64_t extents[] = {count}, integers[] = {static_cast<std::int64_t>(dtype_of<T>()), bits};
  for (int thread = 0; thread < threads; ++thread)
    if (library::find("fill")(nullptr, {buffers, extents, integers, {}, thread, threads}) != 0) return false;
  const auto first = memory.begin() + offset, last = first + count;
  return std::all_of(memory.begin(), first, [&](T x) { return x == other; }) &&
         std::all_of(first, last, [&](T x) { return x == value; }) &&
         std::all_of(last, memory.end(), [&](T x) { return x == other; });
}

}  // namespace

TEST_CASE("fill writes every element and nothing else, wherever it begins and however many threads there are") {
  for (const std::int64_t count : {0, 1, 3, 15, 16, 17, 63, 64, 65, 1000})
    for (const std::int64_t offset : {0, 1, 5, 16})
      for (const int threads : {1, 2, 3}) {
        CAPTURE(count, offset, threads);
        CHECK(fills<float>(-1.5F, count, offset, threads));
        CHECK(fills<double>(2.25, count, offset, threads));
        CHECK(fills<std::int8_t>(-3, count, offset, threads));
        CHECK(fills<std::int16_t>(-300, count, offset, threads));
        CHECK(fills<std::int64_t>(-5, count, offset, threads));
      }
}

TEST_CASE("fill of more than the caches hold") {
  const std::int64_t count = cpu_info().l2_bytes / 4 + 1001;
  for (const int threads : {1, 2}) CHECK(fills<float>(0.5F, count, 3, threads));
}

TEST_CASE("a fill that says other than its buffer is malformed") {
  using Buffer = library::CallForm::Buffer;
  std::int64_t integers[] = {static_cast<std::int64_t>(DType::f32), 0};
  const auto said = [&](Buffer buffer, std::vector<std::int64_t> extents) {
    return message_of([&] { library::check_form("fill", {{&buffer, 1}, extents, integers, {}}); });
  };
  CHECK(said({DType::f32, 6, true}, {2, 3}) == "no error");
  CHECK_THAT(said({DType::f32, 6, true}, {2, 4}), contains("6 elements, expected 8"));
  CHECK_THAT(said({DType::f64, 6, true}, {2, 3}), contains("float64"));
  CHECK_THAT(said({DType::f32, 6, false}, {2, 3}), contains("writes buffer 0"));
  integers[0] = static_cast<std::int64_t>(DType::bf16);  // bits are bits
  CHECK(said({DType::bf16, 6, true}, {2, 3}) == "no error");
}
