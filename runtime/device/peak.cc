// The FMA peak: loops over registers alone, with enough independent chains to hide the latency of two FMA units.
#include <atomic>

#include <immintrin.h>

#include "runtime/base/error.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/cpu.h"
#include "runtime/device/pool.h"

namespace bitale {
namespace {

constexpr int chains = 12;

// One step: acc = acc * a + b for each chain. Values stay near 1. Returns something that depends on every chain.
float steps_v2(std::int64_t steps) {
  __m128 acc[chains];
  for (int i = 0; i < chains; ++i) acc[i] = _mm_set1_ps(1.0f + static_cast<float>(i));
  const __m128 a = _mm_set1_ps(0.5f), b = _mm_set1_ps(0.5f);
  for (std::int64_t s = 0; s < steps; ++s)
#pragma GCC unroll 12  // else the chains live in memory
    for (int i = 0; i < chains; ++i) acc[i] = _mm_add_ps(_mm_mul_ps(acc[i], a), b);
  for (int i = 1; i < chains; ++i) acc[0] = _mm_add_ps(acc[0], acc[i]);
  return _mm_cvtss_f32(acc[0]);
}

__attribute__((target("avx2,fma"))) float steps_v3(std::int64_t steps) {
  __m256 acc[chains];
  for (int i = 0; i < chains; ++i) acc[i] = _mm256_set1_ps(1.0f + static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.5f);
  for (std::int64_t s = 0; s < steps; ++s)
#pragma GCC unroll 12  // else the chains live in memory
    for (int i = 0; i < chains; ++i) acc[i] = _mm256_fmadd_ps(acc[i], a, b);
  for (int i = 1; i < chains; ++i) acc[0] = _mm256_add_ps(acc[0], acc[i]);
  return _mm256_cvtss_f32(acc[0]);
}

__attribute__((target("avx512f"))) float steps_v4(std::int64_t steps) {
  __m512 acc[chains];
  for (int i = 0; i < chains; ++i) acc[i] = _mm512_set1_ps(1.0f + static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.5f);
  for (std::int64_t s = 0; s < steps; ++s)
#pragma GCC unroll 12  // else the chains live in memory
    for (int i = 0; i < chains; ++i) acc[i] = _mm512_fmadd_ps(acc[i], a, b);
  for (int i = 1; i < chains; ++i) acc[0] = _mm512_add_ps(acc[0], acc[i]);
  return _mm512_cvtss_f32(acc[0]);
}

}  // namespace

double measure_fma_peak(Isa isa, int threads, double seconds) {
  bool executed = false;
  for (const Isa i : executable_isas()) executed = executed || i == isa;
  if (!executed) throw Error("this CPU does not execute " + target_of(isa));
  const auto steps = isa == Isa::v2 ? steps_v2 : isa == Isa::v3 ? steps_v3 : steps_v4;
  const int lanes = isa == Isa::v2 ? 4 : isa == Isa::v3 ? 8 : 16;
  constexpr std::int64_t piece = 20000;

  std::atomic<std::int64_t> pieces{0};
  std::atomic<float> sink{0};
  const Stopwatch watch;
  run_region(threads, [&](int) {
    std::int64_t mine = 0;
    do {
      sink.store(steps(piece), std::memory_order_relaxed);
      ++mine;
    } while (watch.seconds() < seconds);
    pieces.fetch_add(mine);
  });
  return static_cast<double>(pieces.load()) * piece * chains * lanes * 2 / watch.seconds() / 1e9;
}

}  // namespace bitale
