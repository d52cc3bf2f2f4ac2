// softmax, which fuses
//   softmax at model.cc:12
// e0, e1...: the extents of this call.
// softmax_phase0: one block for each iteration of the outer loop, its threads for the inner loops.

// NaN if an operand is NaN.
template <class T> __device__ inline T maximum(T a, T b) { return a > b || a != a ? a : b; }
struct Sum {
  template <class T> static __device__ T of(T a, T b) { return (T)(a + b); }
  static __device__ int of(int a, int b) { return (int)((unsigned)a + (unsigned)b); }
  static __device__ long long of(long long a, long long b) {
    return (long long)((unsigned long long)a + (unsigned long long)b);
  }
};
struct Max {
  template <class T> static __device__ T of(T a, T b) { return maximum(a, b); }
};
template <class T> __device__ inline T from_lane(T v, int mask) {
  return (T)__shfl_xor_sync(0xffffffffu, v, mask);
}
// 16 bytes for each warp.
__device__ inline char* values_of_warps() {
  __shared__ __align__(16) char values[32 * 16];
  return values;
}
// Combines the values of all threads of the block and gives every thread the result: first within warps, then the warps in
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

extern "C" __global__ void __launch_bounds__(256, 2)
softmax_phase0(const float* x, float* y, long long e0, long long e1) {
  for (long long i = blockIdx.x; i < e0; i += gridDim.x) {
    float max1 = -__int_as_float(0x7f800000);
    for (long long j = threadIdx.x; j < e1; j += blockDim.x) {
      const float x1 = x[i * e1 + j];
      max1 = Max::of(max1, x1);
    }
    max1 = block_reduce<Max>(max1);
    float sum1 = 0.0f;
    for (long long j = threadIdx.x; j < e1; j += blockDim.x) {
      const float x2 = x[i * e1 + j];
      sum1 = Sum::of(sum1, expf(x2 - max1));
    }
    sum1 = block_reduce<Sum>(sum1);
    for (long long j = threadIdx.x; j < e1; j += blockDim.x) {
      const float x3 = x[i * e1 + j];
      y[i * e1 + j] = expf(x3 - max1) / sum1;
    }
  }
}
