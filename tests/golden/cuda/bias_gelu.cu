// bias_gelu, which fuses
//   add at model.cc:20
//   gelu at model.cc:21
//   mul at model.cc:22
// e0, e1...: the extents of this call.
// bias_gelu_phase0: one thread for each iteration of 2 loops.

extern "C" __global__ void __launch_bounds__(256, 2)
bias_gelu_phase0(const float* x, const float* bias, const float* scale, float* y, long long e0, long long e1) {
  const float scale1 = scale[0];
  const long long begin = blockIdx.x * blockDim.x + threadIdx.x;
  const long long step = gridDim.x * blockDim.x;
  #pragma unroll 1
  for (long long at = begin; at < e0 * e1; at += step) {
    const long long j = at % e1;
    const float bias1 = bias[j];
    const float x1 = x[at];
    const float add1 = x1 + bias1;
    y[at] = ((add1 * 0.5f) * (erff(add1 * 0.70710677f) + 1.0f)) * scale1;
  }
}
