// The binary interface between generated code and the runtime. Bump `abi_version` with any change: it is part of cache
// keys.
#pragma once

#include <cstdint>

namespace bitale {

inline constexpr std::int32_t abi_version = 4;

// What generated code may reach, besides its arguments. Plain data, fixed layout.
struct Context {
  std::int32_t error = 0;        // the error word: the first failing data check's ErrorCode; 0 while all is well
  std::int32_t error_step = -1;  // the step that set it
  std::int64_t error_value = 0;  // the offending value (an index, say)
  std::int64_t error_limit = 0;  // what it was checked against
  void (*barrier)(Context*, int thread, int threads) = nullptr;  // all threads of the region meet here
  void* runtime = nullptr;                                       // the executor's own state
  std::int64_t error_pivot = 0;                                  // of a matrix that failed: which pivot, and its value
  double error_real = 0;
};

enum class ErrorCode : std::int32_t {
  none = 0,
  index_out_of_range = 1,
  failed_check = 2,
  library = 3,
  callback = 4,
  // Of matrix `error_value` of `error_limit`, counted from 0:
  not_positive_definite = 5,
  singular = 6,
  rank_deficient = 7,
  no_convergence = 8,
  no_memory = 9,  // for a library's workspace
};

// Every kernel: all `threads` threads of the region call it with their number. buffers: one address per argument;
// extents: the run-time extents of the kernel. Returns 0, or an ErrorCode that it has also left in the context. Every
// thread has a Context of its own. Addresses are aligned to the element, not to a vector: rows of a loop's sequences
// and the guarded allocator give no more. Small kernels are called by one thread alone, as thread 0 of 1.
using KernelFn = int (*)(Context* context, void* const* buffers, const std::int64_t* extents, int thread, int threads);

// The micro-kernel of a contraction, generated once per isa, dtype and tile shape (see program/contraction.h). Element
// type T.
//   micro: acc[mr][ld] = (accumulate ? acc : 0) + sum over k < kc of a[k][mr] * b[k][nr], a packed with row length mr,
//   b with row
//          distance ldb; ld >= nr. Rows of acc are 64-byte aligned, a and b to their element only. For every two k it
//          prefetches nr elements of `ahead`.
using MicroKernelFn = void (*)(std::int64_t kc, const void* a, const void* b, std::int64_t ldb, void* acc,
                               std::int64_t ld, std::int64_t accumulate, const struct Ahead* ahead);

// What a micro-kernel is to have fetched when it is done, for those that follow: rows of nr elements, row r at
// base + offsets[r] elements. The first one is row next / 2^32; step / 2^32 rows lie between one and the next.
struct Ahead {
  const void* base;
  const std::int64_t* offsets;
  std::int64_t next, step;
};

}  // namespace bitale
