// What the machine has, as far as measurements are decided by it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/harness/gpus.h"

namespace bitale::bench {

struct Machine {
  std::string cpu{};  // model
  int cpus = 1;       // hardware threads that this process may use
  int cores = 1;      // physical cores that they belong to
  Gpus gpus{};
};

Machine this_machine();

// Memory that this process may still take: what the system has free or can make free, and what its control group
// allows.
std::int64_t available_memory_bytes();

// Physical cores behind the CPUs of `text`s, each as /sys/devices/system/cpu/cpu*/topology/thread_siblings_list says
// it.
int count_cores(const std::vector<std::string>& siblings);

std::int64_t peak_rss_bytes();  // of this process, so far

}  // namespace bitale::bench
