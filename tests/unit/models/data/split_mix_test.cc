#include "models/data/split_mix.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/support/catch.h"

using bitale::models::SplitMix;

TEST_CASE("the numbers are those of SplitMix64") {
  SplitMix numbers(0);
  CHECK(numbers.next() == 0xe220a8397b1dcdaf);
  CHECK(numbers.next() == 0x6e789e6aa1b965f4);
  CHECK(numbers.next() == 0x06c45d188009454f);
}

TEST_CASE("bounds hold, and every number between them comes") {
  SplitMix numbers(1);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(numbers.within(3));
  CHECK(seen == std::set<std::int64_t>{-3, -2, -1, 0, 1, 2, 3});
  CHECK(numbers.below(1) == 0);
}

TEST_CASE("a shuffled list has the same elements in an order that seed and stream decide") {
  const auto shuffled = [](std::uint64_t seed, std::int64_t stream) {
    std::vector<int> list(50);
    std::iota(list.begin(), list.end(), 0);
    SplitMix(seed, stream).shuffle(list);
    return list;
  };
  const std::vector<int> order = shuffled(7, 0);
  CHECK(order == shuffled(7, 0));
  CHECK(order != shuffled(7, 1));
  CHECK(order != shuffled(8, 0));
  CHECK(!std::is_sorted(order.begin(), order.end()));
  CHECK(std::set<int>(order.begin(), order.end()).size() == 50);
}
