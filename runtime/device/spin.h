// Busy waiting that is kind to whoever shares the core.
#pragma once

#include <chrono>

#include <immintrin.h>
#include <sched.h>

namespace bitale {

// once() waits for about as long as a cache line takes to arrive, and after the first 20 us also lets another thread
// have the CPU at every check of the clock. It returns how long the spin has lasted, as of the last check.
class Spin {
 public:
  std::chrono::steady_clock::duration once() {
    _mm_pause();
    if (++count_ % checked_every != 0) return waited_;
    const auto now = std::chrono::steady_clock::now();
    if (count_ == checked_every) start_ = now;
    waited_ = now - start_;
    if (waited_ > std::chrono::microseconds(20)) sched_yield();
    return waited_;
  }

 private:
  static constexpr unsigned checked_every = 64;
  unsigned count_ = 0;
  std::chrono::steady_clock::time_point start_{};
  std::chrono::steady_clock::duration waited_{};
};

}  // namespace bitale
