#include "compiler/codegen/cuda/ranges.h"

#include <algorithm>

namespace bitale::codegen::cuda {
namespace {

using kernel::ScalarOp;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }  // b > 0

// Of a function that is monotonic in each operand.
template <class F>
Range of_corners(const Range& a, const Range& b, F f) {
  const auto [low, high] = std::minmax({f(a.low, b.low), f(a.low, b.high), f(a.high, b.low), f(a.high, b.high)});
  return {low, high};
}

Range of_mod(const Range& a, const Range& b) {  // b > 0
  if (a.low >= 0 && a.high < b.low) return a;
  return {0, b.high - 1};
}

std::optional<Range> computed(ScalarOp op, std::span<const Range> x) {
  const auto plain = [&](auto f) { return of_corners(x[0], x[1], f); };
  switch (op) {
    case ScalarOp::add:
      return Range{x[0].low + x[1].low, x[0].high + x[1].high};
    case ScalarOp::sub:
      return Range{x[0].low - x[1].high, x[0].high - x[1].low};
    case ScalarOp::mul:
      return plain([](std::int64_t a, std::int64_t b) { return a * b; });
    case ScalarOp::min:
      return plain([](std::int64_t a, std::int64_t b) { return std::min(a, b); });
    case ScalarOp::max:
      return plain([](std::int64_t a, std::int64_t b) { return std::max(a, b); });
    case ScalarOp::neg:
      return Range{-x[0].high, -x[0].low};
    case ScalarOp::select:
      return Range{std::min(x[1].low, x[2].low), std::max(x[1].high, x[2].high)};
    case ScalarOp::floordiv:
      return x[1].low > 0 ? std::optional(plain(floor_divide)) : std::nullopt;
    case ScalarOp::mod:
      return x[1].low > 0 ? std::optional(of_mod(x[0], x[1])) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Range> range_of(ScalarOp op, std::span<const Range> operands) {
  const std::optional<Range> r = computed(op, operands);
  return r && is_small(r->low) && is_small(r->high) ? r : std::nullopt;
}

}  // namespace bitale::codegen::cuda
