// Kernels of the ordinary signature, written by hand. Each splits its first extent among the threads.
#pragma once

#include <cstdint>
#include <utility>

#include "runtime/program/abi.h"

namespace bitale::tests {

inline std::pair<std::int64_t, std::int64_t> share(std::int64_t n, int thread, int threads) {
  return {n * thread / threads, n * (thread + 1) / threads};
}

// a, b, out; n: out = a + b
inline int add_kernel(Context*, void* const* p, const std::int64_t* e, int thread, int threads) {
  const auto [begin, end] = share(e[0], thread, threads);
  const auto *a = static_cast<const float*>(p[0]), *b = static_cast<const float*>(p[1]);
  for (std::int64_t i = begin; i < end; ++i) static_cast<float*>(p[2])[i] = a[i] + b[i];
  return 0;
}

// a, out; n: out = 2 a
inline int twice_kernel(Context*, void* const* p, const std::int64_t* e, int thread, int threads) {
  const auto [begin, end] = share(e[0], thread, threads);
  for (std::int64_t i = begin; i < end; ++i) static_cast<float*>(p[1])[i] = 2 * static_cast<const float*>(p[0])[i];
  return 0;
}

// a, out (scalar); n: the sum, on thread 0
inline int sum_kernel(Context*, void* const* p, const std::int64_t* e, int thread, int) {
  if (thread != 0) return 0;
  float sum = 0;
  for (std::int64_t i = 0; i < e[0]; ++i) sum += static_cast<const float*>(p[0])[i];
  *static_cast<float*>(p[1]) = sum;
  return 0;
}

// a, partial (one per thread), out; n: two phases with a barrier between them
inline int two_phase_sum_kernel(Context* c, void* const* p, const std::int64_t* e, int thread, int threads) {
  const auto [begin, end] = share(e[0], thread, threads);
  auto* partial = static_cast<float*>(p[1]);
  partial[thread] = 0;
  for (std::int64_t i = begin; i < end; ++i) partial[thread] += static_cast<const float*>(p[0])[i];
  c->barrier(c, thread, threads);
  if (thread != 0) return 0;
  float sum = 0;
  for (int t = 0; t < threads; ++t) sum += partial[t];
  *static_cast<float*>(p[2]) = sum;
  return 0;
}

// table, indices (int64), out; n, rows: out = table[indices]; an index outside is an error and reads row 0
inline int gather_kernel(Context* c, void* const* p, const std::int64_t* e, int thread, int threads) {
  const auto [begin, end] = share(e[0], thread, threads);
  int code = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    std::int64_t index = static_cast<const std::int64_t*>(p[1])[i];
    if (index < 0 || index >= e[1]) {
      c->error = code = static_cast<int>(ErrorCode::index_out_of_range);
      c->error_value = index;
      c->error_limit = e[1];
      index = 0;
    }
    static_cast<float*>(p[2])[i] = static_cast<const float*>(p[0])[index];
  }
  return code;
}

// a, out (bool scalar); limit: out = a[0] >= limit
inline int reached_kernel(Context*, void* const* p, const std::int64_t* e, int thread, int) {
  if (thread == 0) *static_cast<bool*>(p[1]) = *static_cast<const float*>(p[0]) >= static_cast<float>(e[0]);
  return 0;
}

// out; n, start: out[i] = start + i
inline int count_kernel(Context*, void* const* p, const std::int64_t* e, int thread, int threads) {
  const auto [begin, end] = share(e[0], thread, threads);
  for (std::int64_t i = begin; i < end; ++i) static_cast<float*>(p[0])[i] = static_cast<float>(e[1] + i);
  return 0;
}

// a, out; n, start: out[start + i] = a[i]
inline int put_kernel(Context*, void* const* p, const std::int64_t* e, int thread, int threads) {
  const auto [begin, end] = share(e[0], thread, threads);
  for (std::int64_t i = begin; i < end; ++i) static_cast<float*>(p[1])[e[1] + i] = static_cast<const float*>(p[0])[i];
  return 0;
}

template <class F>
const void* address(F* function) {
  return reinterpret_cast<const void*>(function);
}

}  // namespace bitale::tests
