// Linear algebra.
#pragma once

#include <bitale/tensor.h>

namespace bitale {

Tensor dot(const Tensor& a, const Tensor& b, Where at = Where::current());          // ranks 1 and 2
Tensor batched_dot(const Tensor& a, const Tensor& b, Where at = Where::current());  // [b, m, k] x [b, k, n]

}  // namespace bitale
