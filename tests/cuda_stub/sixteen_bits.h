// float16 and bfloat16 by what their bits mean, for stand-ins; rounding goes to the nearest, by way of float.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

inline double widened(std::uint16_t bits, bool bfloat) {
  if (bfloat) return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double magnitude = exponent == 31 ? (mantissa ? NAN : INFINITY)
                                          : std::ldexp(mantissa + (exponent ? 1024 : 0), std::max(exponent, 1) - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

inline std::uint16_t narrowed(float x, bool bfloat) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (bfloat)
    return static_cast<std::uint16_t>(std::isnan(x) ? bits >> 16 | 64 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  if (std::isnan(x)) return sign | 0x7e00;
  const int exponent = x == 0 ? -14 : std::max(std::ilogb(x), -14);
  if (std::isinf(x) || exponent > 15) return sign | 0x7c00;
  // Counted in the last place; what is carried goes on to the exponent, and beyond the last one to infinity.
  const auto places = static_cast<int>(std::nearbyint(std::ldexp(std::fabs(x), 10 - exponent)));
  return static_cast<std::uint16_t>(sign + ((exponent + 14) << 10) + places);
}
