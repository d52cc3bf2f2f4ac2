// float16 (IEEE 754 binary16) and bfloat16 (the upper half of a float32): what their 16 bits mean. Widening is exact.
// Narrowing goes to the nearest value, halves to the even one; what is too large becomes infinite, subnormal numbers
// stay, NaN stays NaN.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/dtype.h"

namespace bitale {

// `dtype` is float16 or bfloat16.
float widen(DType dtype, std::uint16_t bits);
std::uint16_t narrow(DType dtype, float value);
void widen(DType dtype, const void* from, float* to, std::size_t n);
void narrow(DType dtype, const float* from, void* to, std::size_t n);

// The value that is kept of `value` in a floating dtype. To 16 bits it goes by way of float32, as everything does.
double rounded_to(DType dtype, double value);

}  // namespace bitale
