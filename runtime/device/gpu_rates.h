// What an H100 is assumed to reach, until it is measured: what computes products on a device is chosen by these.
#pragma once

#include <algorithm>

#include "runtime/base/dtype.h"

namespace bitale {

struct GpuRates {
  double flops_per_us, bytes_per_us;
  double us_of(double flops, double bytes = 0) const { return std::max(flops / flops_per_us, bytes / bytes_per_us); }
};

// Products and convolutions by generated functions, whose arithmetic is float32; and by NVIDIA's libraries, of operands
// of a dtype, which tensor cores multiply where they are of 16 bits or may be rounded to TF32.
inline constexpr GpuRates rates_of_generated{15e6, 1.5e6};
inline GpuRates rates_of_library(DType operands, bool tf32) {
  return {is_only_stored(operands) ? 500e6 : tf32 ? 250e6 : 40e6, 3e6};
}

inline constexpr double us_of_launch = 2;

}  // namespace bitale
