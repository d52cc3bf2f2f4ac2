#include <algorithm>
#include <memory>

#include "runtime/base/stopwatch.h"
#include "runtime/device/cpu.h"
#include "runtime/device/pool.h"

namespace bitale {
namespace {

// Beyond the last-level cache, and not so much that small machines mind.
std::int64_t elements_per_thread(int threads) {
  constexpr std::int64_t least = 4 << 20, most = 16 << 20;
  return std::clamp(cpu_info().l3_bytes / static_cast<std::int64_t>(sizeof(float)) / threads, least, most);
}

}  // namespace

double measure_bandwidth(int threads, double seconds) {
  const std::int64_t n = elements_per_thread(threads);
  const auto size = static_cast<std::size_t>(n * threads);
  const auto a = std::make_unique_for_overwrite<float[]>(size), b = std::make_unique_for_overwrite<float[]>(size),
             c = std::make_unique_for_overwrite<float[]>(size);
  const auto mine = [&](int thread, auto&& f) {
    for (std::int64_t i = n * thread; i < n * (thread + 1); ++i) f(static_cast<std::size_t>(i));
  };
  run_region(threads, [&](int thread) { mine(thread, [&](std::size_t i) { a[i] = 0, b[i] = 1, c[i] = 2; }); });

  double best = 0;
  const Stopwatch watch;
  do {
    const Stopwatch sweep;
    run_region(threads, [&](int thread) { mine(thread, [&](std::size_t i) { a[i] = b[i] + 0.5f * c[i]; }); });
    best = std::max(best, 3.0 * sizeof(float) * static_cast<double>(size) / sweep.seconds());
    std::swap_ranges(a.get(), a.get() + 1, b.get());  // the next sweep depends on this one
  } while (watch.seconds() < seconds);
  return best / 1e9;
}

}  // namespace bitale
