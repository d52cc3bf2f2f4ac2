// Distances in units in the last place, and numbers as the 64-bit words that a Tape takes.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "tests/unit/compiler/kernel/tape.h"

namespace bitale::tests {

using Bits = std::vector<std::uint64_t>;

inline constexpr Tape::Traits all_traits[] = {{true, true}, {true, false}, {false, false}};

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class T>
T value_of(std::uint64_t word) {
  return std::bit_cast<T>(static_cast<BitsOf<T>>(word));
}

template <class T>
std::uint64_t word_of(T value) {
  return std::bit_cast<BitsOf<T>>(value);
}

// How far `got` is from the exact value, in units in the last place of the exact value. Infinity and NaN must be met;
// infinity counts as the next number after the largest. With `parts`, the units are those of a number that large.
template <class T, class Wide>
double ulps(T got, Wide exact, Wide parts = 0) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact)) return std::isnan(got) ? 0 : Limits::infinity();
  if (std::isnan(got)) return Limits::infinity();
  const Wide beyond = std::ldexp(Wide{1}, Limits::max_exponent);
  const auto finite = [&](Wide v) { return std::fabs(v) < beyond ? v : std::copysign(beyond, v); };
  const Wide reference = finite(exact);
  const Wide unit_of = std::max(std::fabs(reference), finite(parts));
  const int exponent = unit_of == 0 ? Limits::min_exponent : std::max(std::ilogb(unit_of), Limits::min_exponent - 1);
  return static_cast<double>(std::fabs(finite(got) - reference) / std::ldexp(Wide{1}, exponent - (Limits::digits - 1)));
}

}  // namespace bitale::tests
