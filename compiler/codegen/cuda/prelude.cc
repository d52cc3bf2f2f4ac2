#include "compiler/codegen/cuda/prelude.h"

#include <cctype>
#include <iterator>

#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/reductions.h"
#include "compiler/codegen/cuda/resident.h"

namespace bitale::codegen::cuda {
namespace {

// The semantics are those of compiler/kernel/scalar_ops.def. No template has shared memory of its own: the emulator
// would not find it (emulate.cc).
struct Piece {
  std::string_view name;
  std::string_view text;
};

static_assert(cluster_blocks == 8);                                   // as in row_of_block()
static_assert(columns_of_block == 8);                                 // as in column_reduce()
static_assert(blocks_of_reduction == 64 && most_of_all_blocks == 4);  // as in reduction_parts

constexpr Piece pieces[] = {
    {"inside", R"(template <class I, class N> __device__ inline bool inside(I i, N n) { return i >= 0 && i < n; }
)"},
    {"Walk",
     R"(// Every so many iterations of a loop around others that have `below` iterations together for each of its own: where it
// is, without dividing 64 bits.
template <unsigned below> struct Walk {
  long long outer;
  unsigned rest;
  const unsigned step;
  __device__ Walk(unsigned first, unsigned step) : outer(first / below), rest(first % below), step(step) {}
  __device__ void next() {
    outer += step / below;
    rest += step % below;
    if (rest < below) return;
    rest -= below;
    ++outer;
  }
};
)"},
    {"Four",
     R"(// Neighbours, which one instruction loads or stores: where they begin is a multiple of their size, or of 16 bytes.
template <class T> struct alignas(sizeof(T) < 4 ? 4 * sizeof(T) : 16) Four {
  T lane[4];
};
template <class T> __device__ inline const Four<T>& four(const T& first) { return *(const Four<T>*)&first; }
template <class T> __device__ inline Four<T>& four(T& first) { return *(Four<T>*)&first; }
)"},
    {"wrapping_add", R"(__device__ inline int wrapping_add(int a, int b) { return (int)((unsigned)a + (unsigned)b); }
__device__ inline long long wrapping_add(long long a, long long b) {
  return (long long)((unsigned long long)a + (unsigned long long)b);
}
)"},
    {"wrapping_sub", R"(__device__ inline int wrapping_sub(int a, int b) { return (int)((unsigned)a - (unsigned)b); }
__device__ inline long long wrapping_sub(long long a, long long b) {
  return (long long)((unsigned long long)a - (unsigned long long)b);
}
)"},
    {"wrapping_mul", R"(__device__ inline int wrapping_mul(int a, int b) { return (int)((unsigned)a * (unsigned)b); }
__device__ inline long long wrapping_mul(long long a, long long b) {
  return (long long)((unsigned long long)a * (unsigned long long)b);
}
)"},
    {"wrapping_abs", R"(__device__ inline int wrapping_abs(int a) { return a < 0 ? (int)(0u - (unsigned)a) : a; }
__device__ inline long long wrapping_abs(long long a) { return a < 0 ? (long long)(0ull - (unsigned long long)a) : a; }
)"},
    {"strong_mul", R"(template <class T> __device__ inline T strong_mul(T a, T b) { return a == 0 ? T(0) : a * b; }
)"},
    {"floor_divide", R"(// Rounds down; 0 for b = 0.
template <class T> __device__ inline T floor_divide(T a, T b) {
  if (b == 0) return 0;
  if (b == T(-1) && T(-1) < 0) return (T)(0ull - (unsigned long long)a);
  return (T)(a / b - (a % b != 0 && (a < 0) != (b < 0)));
}
)"},
    {"modulo", R"(// a - b * floor(a / b); 0 for integer b = 0.
template <class T> __device__ inline T modulo(T a, T b) {
  if (b == 0 || (b == T(-1) && T(-1) < 0)) return 0;
  const T r = (T)(a % b);
  return (T)(r != 0 && (r < 0) != (b < 0) ? r + b : r);
}
__device__ inline float modulo(float a, float b) { return a - floorf(a / b) * b; }
__device__ inline double modulo(double a, double b) { return a - floor(a / b) * b; }
)"},
    {"minimum", R"(// NaN if an operand is NaN.
template <class T> __device__ inline T minimum(T a, T b) { return a < b || a != a ? a : b; }
)"},
    {"maximum", R"(// NaN if an operand is NaN.
template <class T> __device__ inline T maximum(T a, T b) { return a > b || a != a ? a : b; }
)"},
    {"saturate", R"(// Truncates; NaN gives 0.
template <class T, class F> __device__ inline T saturate(F x, T low, T high) {
  return x != x ? T(0) : x <= (F)low ? low : x >= (F)high ? high : (T)x;
}
)"},
    {"shift_left", R"(template <class T> __device__ inline T shift_left(T a, T n) {
  return (T)((unsigned long long)a << (n & (8 * sizeof(T) - 1)));
}
)"},
    {"shift_right", R"(// Logical.
template <class T> __device__ inline T shift_right(T a, T n) {
  const unsigned long long mask = ~0ull >> (64 - 8 * sizeof(T));
  return (T)(((unsigned long long)a & mask) >> (n & (8 * sizeof(T) - 1)));
}
)"},
    {"widen_half", R"(// float16 by its bits.
__device__ inline float widen_half(unsigned short bits) {
#ifndef EMULATED
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
#else
  const int magnitude = (bits & 0x7fff) << 13, sign = (bits & 0x8000) << 16;
  const float x = __int_as_float(magnitude) * 0x1p112f;
  return __int_as_float((magnitude < 0x7c00 << 13 ? __float_as_int(x) : magnitude | 0x7f800000) | sign);
#endif
}
)"},
    {"narrow_half", R"(// To the nearest, halves to the even one.
__device__ inline unsigned short narrow_half(float x) {
#ifndef EMULATED
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
#else
  const unsigned all = (unsigned)__float_as_int(x), sign = all >> 16 & 0x8000, magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return (unsigned short)(sign | 0x7e00);
  if (magnitude >= 0x47800000) return (unsigned short)(sign | 0x7c00);
  if (magnitude < 0x38800000)
    return (unsigned short)(sign | (unsigned)(__float_as_int(__int_as_float((int)magnitude) + 0.5f) - 0x3f000000));
  return (unsigned short)(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
#endif
}
)"},
    {"widen_bfloat", R"(// bfloat16 by its bits: the upper half of a float.
__device__ inline float widen_bfloat(unsigned short bits) { return __int_as_float((int)((unsigned)bits << 16)); }
)"},
    {"narrow_bfloat", R"(// To the nearest, halves to the even one.
__device__ inline unsigned short narrow_bfloat(float x) {
  const unsigned bits = (unsigned)__float_as_int(x);
  return (unsigned short)(x != x ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
)"},
    {"sigmoid", R"(// Of the exponential that does not overflow.
__device__ inline float sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}
__device__ inline double sigmoid(double x) {
  const double e = exp(-fabs(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}
)"},
    {"softplus",
     R"(__device__ inline float softplus(float x) { return (x < 0.0f ? 0.0f : x) + log1pf(expf(-fabsf(x))); }
__device__ inline double softplus(double x) { return (x < 0.0 ? 0.0 : x) + log1p(exp(-fabs(x))); }
)"},
    {"digamma", R"(// Raised to 10 by the recurrence, where the asymptotic series holds; NaN at the poles but 0.
__device__ inline double digamma(double x) {
  double sum = 0.0;
  if (x < 0.0) {
    const double f = -x - floor(-x), g = f > 0.5 ? f - 1.0 : f;
    sum = f == 0.0 ? __longlong_as_double(0x7ff8000000000000) : -3.141592653589793 / tan(3.141592653589793 * g);
    x = 1.0 - x;
  }
  for (; x < 10.0; x += 1.0) sum += 1.0 / x;
  const double w = 1.0 / (x * x);
  const double tail =
      w * (1.0 / 12 - w * (1.0 / 120 - w * (1.0 / 252 - w * (1.0 / 240 - w * (1.0 / 132 - w * (691.0 / 32760))))));
  return log(x) - 0.5 / x - tail - sum;
}
__device__ inline float digamma(float x) { return (float)digamma((double)x); }
)"},
    {"philox",
     R"(// Philox 4x32-10 (Salmon et al. 2011): the first two words of the block (index, counter) under the key.
__device__ inline long long philox(long long key, long long counter, long long index) {
  unsigned c0 = (unsigned)index, c1 = (unsigned)(index >> 32), c2 = (unsigned)counter, c3 = (unsigned)(counter >> 32);
  unsigned k0 = (unsigned)key, k1 = (unsigned)(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const unsigned long long p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
    c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0;
    c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1;
    c1 = (unsigned)p1;
    c3 = (unsigned)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return (long long)(c0 | (unsigned long long)c1 << 32);
}
)"},
    {"Best", R"(// What arg_max and arg_min carry; among equals the smallest index stays, and NaN wins.
template <class T> struct Best {
  T value;
  long long index;
};
)"},
    {"ArgMax", R"(struct ArgMax {
  template <class T> static __device__ Best<T> of(Best<T> a, Best<T> b) {
    const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    if (nan_a != nan_b) return nan_a ? a : b;
    if (nan_a || a.value == b.value) return a.index < b.index ? a : b;
    return a.value > b.value ? a : b;
  }
};
)"},
    {"ArgMin", R"(struct ArgMin {
  template <class T> static __device__ Best<T> of(Best<T> a, Best<T> b) {
    const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    if (nan_a != nan_b) return nan_a ? a : b;
    if (nan_a || a.value == b.value) return a.index < b.index ? a : b;
    return a.value < b.value ? a : b;
  }
};
)"},
    {"Sum", R"(struct Sum {
  template <class T> static __device__ T of(T a, T b) { return (T)(a + b); }
  static __device__ int of(int a, int b) { return (int)((unsigned)a + (unsigned)b); }
  static __device__ long long of(long long a, long long b) {
    return (long long)((unsigned long long)a + (unsigned long long)b);
  }
};
)"},
    {"Product", R"(struct Product {
  template <class T> static __device__ T of(T a, T b) { return (T)(a * b); }
  static __device__ int of(int a, int b) { return (int)((unsigned)a * (unsigned)b); }
  static __device__ long long of(long long a, long long b) {
    return (long long)((unsigned long long)a * (unsigned long long)b);
  }
};
)"},
    {"Max", R"(struct Max {
  template <class T> static __device__ T of(T a, T b) { return maximum(a, b); }
};
)"},
    {"Min", R"(struct Min {
  template <class T> static __device__ T of(T a, T b) { return minimum(a, b); }
};
)"},
    {"Any", R"(struct Any {
  static __device__ bool of(bool a, bool b) { return a || b; }
};
)"},
    {"All", R"(struct All {
  static __device__ bool of(bool a, bool b) { return a && b; }
};
)"},
    {"from_lane", R"(template <class T> __device__ inline T from_lane(T v, int mask) {
  return (T)__shfl_xor_sync(0xffffffffu, v, mask);
}
)"},
    {"best_from_lane", R"(template <class T> __device__ inline Best<T> from_lane(Best<T> v, int mask) {
  return {from_lane(v.value, mask), from_lane(v.index, mask)};
}
)"},
    {"copy_async",
     R"(// Begins to copy an element, or 16 bytes, to shared memory; 0 if it is not `there`. copies_done() waits for what
// its thread began.
#ifndef EMULATED
#define COPY_ASYNC(T, BYTES)                                                                                          \
  __device__ inline void copy_async(T* to, const T* from, int by, bool there) {                                       \
    asm volatile("{ .reg .pred p; .reg .s64 at; setp.eq.s32 p, %3, 0; mad.wide.s32 at, %2, " BYTES ", %1; "           \
                 "cp.async.ca.shared.global [%0], [at], " BYTES ", p; }" ::                                           \
                     "r"((unsigned)__cvta_generic_to_shared(to)), "l"(from), "r"(by), "r"((int)there) : "memory");    \
  }                                                                                                                   \
  __device__ inline void copy_async(T* to, const T* from, bool there) {                                               \
    asm volatile("{ .reg .pred p; setp.eq.s32 p, %2, 0; cp.async.ca.shared.global [%0], [%1], " BYTES ", p; }" ::     \
                     "r"((unsigned)__cvta_generic_to_shared(to)), "l"(from), "r"((int)there) : "memory");             \
  }
COPY_ASYNC(float, "4")
COPY_ASYNC(double, "8")
COPY_ASYNC(float4, "16")
COPY_ASYNC(double2, "16")
#undef COPY_ASYNC
__device__ inline void copies_done() { asm volatile("cp.async.wait_all;" ::: "memory"); }
#endif
)"},
    {"COPY_WIDENED",
     R"(// A function that copies an element to shared memory, as a float; 0 if it is not `there`. Addresses are added up in it, where
// nobody takes them apart again to keep half of them in registers.
#ifndef EMULATED
#define COPY_WIDENED(NAME, WIDEN, INSTRUCTION)                                                                        \
  __device__ inline void NAME(float* to, const unsigned short* from, int by, bool there) {                            \
    asm volatile("{ .reg .pred p; .reg .s64 at; .reg .b16 h; .reg .b32 x; setp.ne.s32 p, %3, 0; mov.b16 h, 0; "       \
                 "mad.wide.s32 at, %2, 2, %1; @p ld.global.b16 h, [at]; " INSTRUCTION " st.shared.b32 [%0], x; }" ::  \
                     "r"((unsigned)__cvta_generic_to_shared(to)), "l"(from), "r"(by), "r"((int)there) : "memory");    \
  }                                                                                                                   \
  __device__ inline void NAME(float* to, const unsigned short* from, bool there) { NAME(to, from, 0, there); }
#else
#define COPY_WIDENED(NAME, WIDEN, INSTRUCTION)                                                                        \
  inline void NAME(float* to, const unsigned short* from, int by, bool there) { *to = there ? WIDEN(from[by]) : 0; }  \
  inline void NAME(float* to, const unsigned short* from, bool there) { NAME(to, from, 0, there); }
#endif
)"},
    {"copy_half", R"(COPY_WIDENED(copy_half, widen_half, "cvt.f32.f16 x, h;")
)"},
    {"copy_bfloat",
     R"(COPY_WIDENED(copy_bfloat, widen_bfloat, "{ .reg .b16 low; mov.b16 low, 0; mov.b32 x, {low, h}; }")
)"},
    {"four_halves", R"(// That follow each other at a multiple of 8 bytes.
__device__ inline float4 four_halves(const unsigned short* from) {
  const unsigned long long bits = *(const unsigned long long*)from;
  float4 four;
  four.x = widen_half((unsigned short)bits);
  four.y = widen_half((unsigned short)(bits >> 16));
  four.z = widen_half((unsigned short)(bits >> 32));
  four.w = widen_half((unsigned short)(bits >> 48));
  return four;
}
)"},
    {"four_bfloats", R"(__device__ inline float4 four_bfloats(const unsigned short* from) {
  const unsigned long long bits = *(const unsigned long long*)from;
  float4 four;
  four.x = widen_bfloat((unsigned short)bits);
  four.y = widen_bfloat((unsigned short)(bits >> 16));
  four.z = widen_bfloat((unsigned short)(bits >> 32));
  four.w = widen_bfloat((unsigned short)(bits >> 48));
  return four;
}
)"},
    {"last_of_group", R"(__device__ inline bool& last_of_group() {
  __shared__ bool last;
  return last;
}
)"},
    {"add_parts",
     R"(// Of the parts of a tile, whose sums lie in `slots`, `runs` of every thread: whoever comes last in a group of 16 adds up the
// group, in order, and groups meet as parts do. True in the block that added up all: they lie in the first slot. A function
// of its own, which tiles share: it is compiled once, and takes about as many registers as they have, by the number of parts
// of which it reads something `at_once`.
template <class T, int at_once, class Run>
__device__ __noinline__ bool add_parts(Run* slots, int runs, unsigned* arrived, int most, int part, int parts) {
  const int threads = blockDim.x;
  bool& last = last_of_group();
  for (int apart = 1; parts > 1; apart *= 16, arrived += most) {
    __threadfence();
    __syncthreads();
    const int group = part / 16, members = parts - group * 16 < 16 ? parts - group * 16 : 16;
    if (threadIdx.x == 0) {
      last = atomicAdd(arrived + group, 1u) + 1 == members;
      if (last) arrived[group] = 0;
    }
    __syncthreads();
    if (!last) return false;
    __threadfence();
    const int next = apart * runs * threads;
    for (int r = 0; r < runs; r += 4) {
      Run* const first = slots + group * 16 * next + r * threads;
      Run sum[4];
      #pragma unroll
      for (int i = 0; i < 4; ++i) sum[i] = first[i * threads];
      #pragma unroll at_once
      for (int p = 1; p < members; ++p)
        #pragma unroll
        for (int i = 0; i < 4; ++i) {
          const Run of_part = first[p * next + i * threads];
          #pragma unroll
          for (int e = 0; e < (int)(sizeof(Run) / sizeof(T)); ++e) ((T*)&sum[i])[e] += ((const T*)&of_part)[e];
        }
      #pragma unroll
      for (int i = 0; i < 4; ++i) first[i * threads] = sum[i];
    }
    part = group;
    parts = (parts + 15) / 16;
  }
  return true;
}
)"},
    {"parts_meet",
     R"(// Sums of parts of k: true in the one block of the tile that has the sum of all parts afterwards. No tile's parts begin
// elsewhere than at tile * parts, of `most` in all; what has `arrived` is 0 before and after. There are so many threads in
// a block: a constant here, so that the runs lie at constant distances.
template <int most, int threads, class Run, class T, int high, int wide>
__device__ inline bool parts_meet(T (&sum)[high][wide], Run* slots, unsigned* arrived, int tile, int part, int parts) {
  if (parts == 1) return true;
  constexpr int runs = high * wide * sizeof(T) / sizeof(Run);
  static_assert(runs % 4 == 0, "add_parts() takes four at a time");
  slots += tile * parts * runs * threads + threadIdx.x;
  #pragma unroll
  for (int r = 0; r < runs; ++r) slots[(part * runs + r) * threads] = ((const Run*)sum)[r];
  constexpr int at_once = runs > 8 ? 3 : runs > 4 ? 2 : 1;
  if (!add_parts<T, at_once>(slots, runs, arrived + tile * parts, most, part, parts)) return false;
  #pragma unroll
  for (int r = 0; r < runs; ++r) ((Run*)sum)[r] = slots[r * threads];
  return true;
}
)"},
    {"grid_barrier",
     R"(// All blocks of the grid wait for each other; they are there at the same time, or would wait forever. The first block adds
// what makes the sum of all change the highest bit, and nothing else: the next barrier finds what this one found.
#ifndef EMULATED
__device__ unsigned grid_arrivals;
__device__ inline void grid_barrier() {
  __syncthreads();
  if (threadIdx.x == 0) {
    const unsigned own = blockIdx.x == 0 ? 0x80000000u - (gridDim.x - 1) : 1u;
    __threadfence();
    const unsigned before = atomicAdd(&grid_arrivals, own);
    while (((before ^ *(volatile unsigned*)&grid_arrivals) & 0x80000000u) == 0) {
    }
    __threadfence();
  }
  __syncthreads();
}
#endif
)"},
    {"cluster_barrier", R"(// All blocks of a cluster wait for each other, and see what the others have written before.
#ifndef EMULATED
__device__ inline void cluster_barrier() {
  asm volatile("barrier.cluster.arrive.release;\n\tbarrier.cluster.wait.acquire;" ::: "memory");
}
#endif
)"},
    {"row_of_block",
     R"(// The first of a block's rows, which are a multiple of the number of blocks apart: those of a cluster of 8 blocks are
// as many rows apart as there are clusters.
__device__ inline unsigned row_of_block() { return blockIdx.x % 8 * (gridDim.x / 8) + blockIdx.x / 8; }
)"},
    {"place_around", R"(// Where a value lies that goes around pieces of memory, of which the first is elsewhere.
__device__ inline char* place_around(char* first, char* others, long long place, long long bytes) {
  return place == 0 ? first : others + (place - 1) * bytes;
}
)"},
    {"iteration_bound", R"(__device__ inline long long iteration_bound(const void* at, long long trips) {
  const long long bound = *(const long long*)at;
  return bound < 0 ? 0 : bound > trips ? trips : bound;
}
)"},
    {"copy_elements", R"(// By all threads of the grid; nothing if they lie there already.
template <class T> __device__ inline void copy_elements(T* to, const T* from, long long count) {
  if (to == from) return;
  const long long step = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) to[i] = from[i];
}
)"},
    {"copy_rows", R"(// By each block its rows, which are a multiple of the number of blocks behind `first`.
template <class T>
__device__ inline void copy_rows(T* to, const T* from, long long first, long long rows, long long length) {
  if (to == from) return;
  for (long long r = first; r < rows; r += gridDim.x)
    for (long long i = threadIdx.x; i < length; i += blockDim.x) to[r * length + i] = from[r * length + i];
}
)"},
    {"clear_elements", R"(template <class T> __device__ inline void clear_elements(T* to, long long count) {
  const long long step = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) to[i] = T(0);
}
)"},
    {"values_of_warps", R"(// 16 bytes for each warp.
__device__ inline char* values_of_warps() {
  __shared__ __align__(16) char values[32 * 16];
  return values;
}
)"},
    {"block_reduce",
     R"(// Combines the values of all threads of the block and gives every thread the result: first within warps, then the warps in
// order. The number of threads is a multiple of 32.
template <class Op, class T> __device__ T block_reduce(T v) {
  T* const of_warp = (T*)values_of_warps();
  for (int mask = 16; mask > 0; mask /= 2) v = Op::of(v, from_lane(v, mask));
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = v;
  __syncthreads();
  v = of_warp[0];
  for (int warp = 1; warp < (int)(blockDim.x / 32); ++warp) v = Op::of(v, of_warp[warp]);
  __syncthreads();
  return v;
}
)"},
    {"reduction_parts",
     R"(// What 64 blocks have of up to 4 reductions, and how many have come; launches follow each other.
__device__ __align__(16) char reduction_parts[4 * 64 * 16];
__device__ unsigned reduction_arrived;
)"},
    {"part_of_reduction", R"(template <class T> __device__ inline T* part_of_reduction(int number, unsigned block) {
  return (T*)(reduction_parts + number * (64 * 16)) + block;
}
)"},
    {"leave_part", R"(template <class T> __device__ inline void leave_part(int number, T v) {
  if (threadIdx.x == 0) *part_of_reduction<T>(number, blockIdx.x) = v;
}
)"},
    {"is_last_block", R"(// Whether all of so many blocks have left their parts, which this one then sees.
__device__ inline bool is_last_block(unsigned blocks) {
  __shared__ unsigned before;
  if (threadIdx.x == 0) {
    __threadfence();
    before = atomicAdd(&reduction_arrived, 1u);
    if (before == blocks - 1) reduction_arrived = 0;
    __threadfence();
  }
  __syncthreads();
  return before == blocks - 1;
}
)"},
    {"part_left", R"(template <class T> __device__ inline T part_left(int number, unsigned block) {
  return *(volatile T*)part_of_reduction<T>(number, block);
}
)"},
    {"values_of_columns", R"(// 16 bytes for each of 8 columns of each warp.
__device__ inline char* values_of_columns() {
  __shared__ __align__(16) char values[32 * 8 * 16];
  return values;
}
)"},
    {"column_reduce",
     R"(// Combines the values of the threads that are a multiple of 8 apart, and gives the result to all of them: first within
// warps, then the warps in order. The number of threads is a multiple of 32.
template <class Op, class T> __device__ T column_reduce(T v) {
  T* const of_warp = (T*)values_of_columns();
  const int column = threadIdx.x % 8;
  for (int mask = 16; mask >= 8; mask /= 2) v = Op::of(v, from_lane(v, mask));
  if (threadIdx.x % 32 < 8) of_warp[threadIdx.x / 32 * 8 + column] = v;
  __syncthreads();
  v = of_warp[column];
  for (int warp = 1; warp < (int)(blockDim.x / 32); ++warp) v = Op::of(v, of_warp[warp * 8 + column]);
  __syncthreads();
  return v;
}
)"},
    {"SortEntry", R"(// An element of a row that is sorted. Places decide among equal keys: the order is a total one.
struct SortEntry {
  unsigned long long key;
  long long place;
};
__device__ inline bool sort_before(const SortEntry& a, const SortEntry& b) {
  return a.key != b.key ? a.key < b.key : a.place < b.place;
}
)"},
    {"sort_key",
     R"(// Unsigned integers in the order of the values: -0 equals 0, and all NaN are one value above the others. In as many bits as
// sort_bits() says.
__device__ inline unsigned long long sort_key(float v) {
  if (v != v) return 0xffffffffull;
  const unsigned bits = (unsigned)__float_as_int(v + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ inline unsigned long long sort_key(double v) {
  if (v != v) return ~0ull;
  const unsigned long long bits = (unsigned long long)__double_as_longlong(v + 0.0);
  return bits >> 63 ? ~bits : bits | 1ull << 63;
}
__device__ inline unsigned long long sort_key(int v) { return (unsigned)v ^ 0x80000000u; }
__device__ inline unsigned long long sort_key(long long v) { return (unsigned long long)v ^ 1ull << 63; }
template <class T> constexpr int sort_bits() { return sizeof(T) <= 4 ? 32 : 64; }
)"},
    {"SortRow", R"(// One row: n elements, and the places of the first `count` in its order, each `inner` apart.
template <class T, bool descending> struct SortRow {
  const T* from;
  long long* to;
  long long n, inner, count;

  __device__ SortEntry at(long long place) const {
    const unsigned long long key = sort_key(from[place * inner]);
    return {descending ? key ^ ~0ull >> (64 - sort_bits<T>()) : key, place};
  }
};
)"},
    {"sort_exchange", R"(__device__ inline void sort_exchange(SortEntry& a, SortEntry& b) {
  if (!sort_before(b, a)) return;
  const SortEntry first = b;
  b = a;
  a = first;
}
template <class Row> __device__ inline void sort_exchange(const Row& row, long long a, long long b) {
  if (b >= row.count) return;
  const long long first = row.to[a * row.inner], second = row.to[b * row.inner];
  if (!sort_before(row.at(second), row.at(first))) return;
  row.to[a * row.inner] = second;
  row.to[b * row.inner] = first;
}
)"},
    {"sort_tile",
     R"(// A bitonic network over `size` entries, a power of two. What begins to merge two runs compares mirror images, so that all
// smaller entries move to the front: those that are not there, beyond the last, would stay where they are.
__device__ inline void sort_halves(SortEntry* tile, int size, int half) {
  for (; half > 0; half /= 2) {
    for (int p = threadIdx.x; p < size / 2; p += blockDim.x) {
      const int a = p / half * 2 * half + p % half;
      sort_exchange(tile[a], tile[a + half]);
    }
    __syncthreads();
  }
}
__device__ inline void sort_tile(SortEntry* tile, int size) {
  __syncthreads();
  for (int run = 2; run <= size; run *= 2) {
    for (int p = threadIdx.x; p < size / 2; p += blockDim.x) {
      const int half = run / 2, a = p / half * run + p % half;
      sort_exchange(tile[a], tile[a ^ (run - 1)]);
    }
    __syncthreads();
    sort_halves(tile, size, run / 4);
  }
}
)"},
    {"sort_choose",
     R"(// Writes the places of the first `count` of the order, in any order. The last of them is found digit by digit: of those
// elements that agree with it in the digits before, `counts` says how many have which next one.
template <class T, bool descending>
__device__ inline void sort_choose(const SortRow<T, descending>& row, unsigned long long* counts) {
  SortEntry last = {0, 0};
  unsigned long long wanted = row.count;  // of those that agree: the last one's rank among them
  for (int shift = 64 + sort_bits<T>() - 8; shift >= 0; shift -= 8) {
    const bool of_key = shift >= 64;
    const int by = shift % 64;
    if (!of_key && (row.n - 1) >> by == 0) continue;
    for (int d = threadIdx.x; d < 256; d += blockDim.x) counts[d] = 0;
    __syncthreads();
    for (long long k = threadIdx.x; k < row.n; k += blockDim.x) {
      const SortEntry e = row.at(k);
      const bool agrees = of_key ? e.key >> by >> 8 == last.key >> by >> 8
                                 : e.key == last.key && e.place >> by >> 8 == last.place >> by >> 8;
      if (agrees) atomicAdd(&counts[(of_key ? e.key : (unsigned long long)e.place) >> by & 255], 1ull);
    }
    __syncthreads();
    unsigned long long digit = 0;
    for (; counts[digit] < wanted; ++digit) wanted -= counts[digit];
    if (of_key)
      last.key |= digit << by;
    else
      last.place |= (long long)(digit << by);
    __syncthreads();
  }
  if (threadIdx.x == 0) counts[0] = 0;
  __syncthreads();
  for (long long k = threadIdx.x; k < row.n; k += blockDim.x)
    if (!sort_before(last, row.at(k))) row.to[(long long)atomicAdd(&counts[0], 1ull) * row.inner] = k;
}
)"},
    {"sort_row",
     R"(// By one block, for which `tile` has room for `room` entries, a power of two. A row that does not fit is sorted where the
// places are written, in tiles and then, by the same network, between them.
template <int room, class T, bool descending>
__device__ void sort_row(const SortRow<T, descending>& row, SortEntry* tile) {
  if (row.count == 0) return;
  const SortEntry none = {~0ull, 9223372036854775807ll};  // behind all others
  if (row.n <= room) {
    int size = 1;
    while (size < row.n) size *= 2;
    for (int k = threadIdx.x; k < size; k += blockDim.x) tile[k] = k < row.n ? row.at(k) : none;
    sort_tile(tile, size);
    for (int k = threadIdx.x; k < row.count; k += blockDim.x) row.to[k * row.inner] = tile[k].place;
    __syncthreads();
    return;
  }
  if (row.count < row.n)
    sort_choose(row, (unsigned long long*)tile);
  else
    for (long long k = threadIdx.x; k < row.n; k += blockDim.x) row.to[k * row.inner] = k;
  __syncthreads();
  for (long long run = room; run == room || run / 2 < row.count; run *= 2) {
    if (run > room) {
      const long long half = run / 2, pairs = (row.count + run - 1) / run * half;
      for (long long p = threadIdx.x; p < pairs; p += blockDim.x) {
        const long long a = p / half * run + p % half;
        sort_exchange(row, a, a ^ (run - 1));
      }
      __syncthreads();
    }
    for (long long half = run / 4; half >= room; half /= 2) {
      const long long pairs = (row.count + 2 * half - 1) / (2 * half) * half;
      for (long long p = threadIdx.x; p < pairs; p += blockDim.x) {
        const long long a = p / half * 2 * half + p % half;
        sort_exchange(row, a, a + half);
      }
      __syncthreads();
    }
    for (long long begin = 0; begin < row.count; begin += room) {
      for (int k = threadIdx.x; k < room; k += blockDim.x)
        tile[k] = begin + k < row.count ? row.at(row.to[(begin + k) * row.inner]) : none;
      if (run == room) sort_tile(tile, room);
      else {
        __syncthreads();
        sort_halves(tile, room, room / 2);
      }
      for (int k = threadIdx.x; k < room && begin + k < row.count; k += blockDim.x)
        row.to[(begin + k) * row.inner] = tile[k].place;
      __syncthreads();
    }
  }
}
)"},
};

}  // namespace

bool mentions(std::string_view text, std::string_view word) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]))) return true;
  }
  return false;
}

std::vector<std::string_view> prelude_names() {
  std::vector<std::string_view> names;
  for (const Piece& piece : pieces) names.push_back(piece.name);
  return names;
}

// From the last piece to the first: a piece uses only those before it.
std::string prelude_for(std::string_view body) {
  std::string all(body);
  std::string prelude;
  const bool pairs = mentions(body, "Best") && (mentions(body, "block_reduce") || mentions(body, "column_reduce"));
  for (std::size_t i = std::size(pieces); i-- > 0;) {
    const Piece& piece = pieces[i];
    if (piece.name == "best_from_lane" ? !pairs : !mentions(all, piece.name)) continue;
    all += piece.text;
    prelude.insert(0, piece.text);
  }
  return prelude;
}

}  // namespace bitale::codegen::cuda
