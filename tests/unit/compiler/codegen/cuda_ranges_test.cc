// Ranges of integers hold what instructions on integers in them give.
#include <set>
#include <vector>

#include "compiler/codegen/cuda/ranges.h"
#include "compiler/kernel/interpret.h"
#include "tests/support/catch.h"

using namespace bitale;
using codegen::cuda::Range;
using codegen::cuda::range_of;
using kernel::ScalarOp;

namespace {

constexpr std::int64_t small = std::int64_t{1} << 30;

std::int64_t value_of(ScalarOp op, std::int64_t a, std::int64_t b) {
  const kernel::Lane args[] = {{.integer = a}, {.integer = b}};
  return kernel::evaluate(op, DType::i64, DType::i64, args).integer;
}

bool equal(const std::optional<Range>& r, std::int64_t low, std::int64_t high) {
  return r && r->low == low && r->high == high;
}

}  // namespace

TEST_CASE("a range holds every result, and nothing beyond the outermost") {
  const std::vector<Range> ranges{{0, 0}, {0, 6}, {-7, 4}, {3, 9}, {-5, -2}, {1, 1}};
  for (const ScalarOp op :
       {ScalarOp::add, ScalarOp::sub, ScalarOp::mul, ScalarOp::min, ScalarOp::max, ScalarOp::floordiv, ScalarOp::mod})
    for (const Range& a : ranges)
      for (const Range& b : ranges) {
        const bool divides = op == ScalarOp::floordiv || op == ScalarOp::mod;
        const auto found = range_of(op, std::vector{a, b});
        CAPTURE(kernel::name_of(op), a.low, a.high, b.low, b.high);
        CHECK(found.has_value() == (!divides || b.low > 0));
        if (!found) continue;
        std::set<std::int64_t> values;
        for (std::int64_t x = a.low; x <= a.high; ++x)
          for (std::int64_t y = b.low; y <= b.high; ++y) values.insert(value_of(op, x, y));
        CHECK(found->low <= *values.begin());
        CHECK(found->high >= *values.rbegin());
        if (op != ScalarOp::mod) CHECK(equal(found, *values.begin(), *values.rbegin()));
      }
}

TEST_CASE("what int may not hold twice over has no range") {
  CHECK(equal(range_of(ScalarOp::add, std::vector<Range>{{0, small - 1}, {0, 1}}), 0, small));
  CHECK_FALSE(range_of(ScalarOp::add, std::vector<Range>{{0, small}, {0, 1}}));
  CHECK_FALSE(range_of(ScalarOp::sub, std::vector<Range>{{-small, 0}, {0, 1}}));
  CHECK_FALSE(range_of(ScalarOp::mul, std::vector<Range>{{0, 1 << 20}, {0, 1 << 20}}));
  CHECK(equal(range_of(ScalarOp::neg, std::vector<Range>{{-3, 8}}), -8, 3));
  CHECK(equal(range_of(ScalarOp::select, std::vector<Range>{{}, {-3, 8}, {5, 9}}), -3, 9));
  CHECK_FALSE(range_of(ScalarOp::bit_and, std::vector<Range>{{0, 3}, {0, 3}}));
}
