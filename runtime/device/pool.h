// The process's one thread pool, and the parallel region.
//
// run(threads, f) calls f(thread) on `threads` threads, the caller being thread 0, and returns when all are done; f
// must not throw. Workers spin for a bounded time after a region (about 2 ms), then sleep. Regions of concurrent
// callers are serialised; a region of one thread never touches the pool. The pool has (available CPUs - 1) workers,
// grows when more threads are asked for, and takes its default from the affinity mask and the cgroup quota. After a
// fork the child makes a new pool. The affinity of the caller is never changed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace bitale {

int available_cpus();   // affinity and cgroup quota, at least 1
int default_threads();  // BITALE_THREADS, else available_cpus()

void run_region(int threads, const std::function<void(int thread)>& body);

// All `threads` threads meet; reusable at once. Spins briefly, then yields.
class Barrier {
 public:
  void wait(int threads);

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};
};

}  // namespace bitale
