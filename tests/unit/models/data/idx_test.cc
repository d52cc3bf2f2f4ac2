#include "models/data/idx.h"

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/models/data/samples.h"

using bitale::Error;
using bitale::tests::contains;
using namespace bitale::models;
using bitale::models::tests::idx_text;

TEST_CASE("an IDX file is its extents and its bytes") {
  const std::string text = idx_text({2, 3}, "abcdef");
  const Idx idx = parse_idx(text, 2, "x");
  CHECK(idx.extents == std::vector<std::uint32_t>{2, 3});
  CHECK(idx.bytes == "abcdef");
  CHECK(parse_idx(idx_text({0, 7}, ""), 2, "x").bytes.empty());
  CHECK(parse_idx(idx_text({0xffffffff, 0xffffffff, 0}, ""), 3, "x").bytes.empty());
}

TEST_CASE("a wrong magic number is shown beside the right one") {
  CHECK_THROWS_WITH(parse_idx(idx_text({6}, "abcdef") + "....", 2, "labels"),
                    contains("'labels'") && contains("0x00000801") && contains("0x00000802"));
  std::string floats = idx_text({4}, "abcd");
  floats[2] = 0x0d;
  CHECK_THROWS_WITH(parse_idx(floats, 1, "floats"), contains("0x00000d01"));
}

TEST_CASE("every truncation of an IDX file, and every trailing byte, is an error") {
  const std::string text = idx_text({2, 3}, "abcdef");
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK_THROWS_AS(parse_idx(text.substr(0, size), 2, "x"), Error);
  CHECK_THROWS_WITH(parse_idx(text.substr(0, 11), 2, "x"), contains("header has 12 bytes, the file 11"));
  CHECK_THROWS_WITH(parse_idx(text.substr(0, 17), 2, "x"),
                    contains("5 bytes after its header") && contains("[2, 3] say more"));
  CHECK_THROWS_WITH(parse_idx(text + "g", 2, "x"), contains("7 bytes after its header") && contains("say 6"));
}

TEST_CASE("extents whose product overflows are an error") {
  for (const std::uint32_t extent : {0x80000000u, 0xffffffffu, 0x10000u}) {
    CHECK_THROWS_WITH(parse_idx(idx_text({extent, extent, extent}, "abc"), 3, "huge"), contains("say more"));
  }
  CHECK_THROWS_AS(parse_idx(idx_text({0x40000000, 4, 1}, ""), 3, "wraps to 0 in 32 bits"), Error);
}
