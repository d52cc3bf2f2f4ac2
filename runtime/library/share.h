// How threads share a call's work.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bitale::library {

struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

// The thread's part of [0, n): parts are disjoint, make up the whole, and begin at multiples of `unit`.
inline Range share(std::int64_t n, int thread, int threads, std::int64_t unit = 1) {
  const std::int64_t units = (n + unit - 1) / unit;
  return {std::min(n, units * thread / threads * unit), std::min(n, units * (thread + 1) / threads * unit)};
}

}  // namespace bitale::library
