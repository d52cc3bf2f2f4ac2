#pragma once

#include <cmath>
#include <cstdint>

namespace bitale {

// The largest q with q * q <= n; 0 where n is negative.
inline std::int64_t isqrt(std::int64_t n) {
  if (n <= 0) return 0;
  auto q = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));  // at most one off
  while (q > n / q) --q;
  while (q + 1 <= n / (q + 1)) ++q;
  return q;
}

}  // namespace bitale
