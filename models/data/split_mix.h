// SplitMix64 (Steele, Lea, Flood 2014): the same numbers and the same orders on every machine, which std::shuffle and
// the distributions of the standard library are not.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace bitale::models {

class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  // A sequence of its own for every seed and stream: `stream` is an epoch.
  SplitMix(std::uint64_t seed, std::int64_t stream)
      : state_(seed * 0x100000001b3u + static_cast<std::uint64_t>(stream)) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  std::int64_t within(std::int64_t bound) {  // [-bound, bound]
    return static_cast<std::int64_t>(below(2 * static_cast<std::uint64_t>(bound) + 1)) - bound;
  }
  template <class T>
  void shuffle(std::vector<T>& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace bitale::models
