// While one exists, what this thread allocates is no leak to LeakSanitizer: NVIDIA's libraries keep what they allocate.
#pragma once

#include "runtime/base/sanitizers.h"

// LeakSanitizer's, where the program has it.
extern "C" [[gnu::weak]] void __lsan_disable();
extern "C" [[gnu::weak]] void __lsan_enable();

namespace bitale::tests {

struct LeaksIgnored {
  LeaksIgnored() {
    if (address_sanitizer && __lsan_disable) __lsan_disable();
  }
  ~LeaksIgnored() {
    if (address_sanitizer && __lsan_enable) __lsan_enable();
  }
  LeaksIgnored(const LeaksIgnored&) = delete;
};

}  // namespace bitale::tests
