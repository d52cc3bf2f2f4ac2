// Ctrl-C, noted instead of obeyed at once.
#pragma once

#include <signal.h>

namespace bitale::models {

// While it lives, the first SIGINT or SIGTERM is noted and the second one ends the process as usual. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool noted();

 private:
  struct sigaction before_[2] = {};
};

}  // namespace bitale::models
