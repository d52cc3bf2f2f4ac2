// Elementwise ops. Operands promote dtypes and broadcast; ops of floats take bools and integers as default_float.
#pragma once

#include <optional>

#include "ops/api/names.h"

namespace bitale::ops {

Tensor exp(const Tensor& x, SourceLine line = {});
Tensor log(const Tensor& x, SourceLine line = {});
Tensor log1p(const Tensor& x, SourceLine line = {});
Tensor expm1(const Tensor& x, SourceLine line = {});
Tensor sqrt(const Tensor& x, SourceLine line = {});
Tensor tanh(const Tensor& x, SourceLine line = {});
Tensor sigmoid(const Tensor& x, SourceLine line = {});
Tensor softplus(const Tensor& x, SourceLine line = {});
Tensor relu(const Tensor& x, SourceLine line = {});  // max(x, 0); derivative 0 at 0
Tensor sin(const Tensor& x, SourceLine line = {});
Tensor cos(const Tensor& x, SourceLine line = {});
Tensor erf(const Tensor& x, SourceLine line = {});
Tensor floor(const Tensor& x, SourceLine line = {});
Tensor ceil(const Tensor& x, SourceLine line = {});
Tensor round(const Tensor& x, SourceLine line = {});
Tensor pow(const Operand& x, const Operand& y, SourceLine line = {});  // d/dy is 0 at x = 0
Tensor floordiv(const Operand& a, const Operand& b, SourceLine line = {});
Tensor mod(const Operand& a, const Operand& b, SourceLine line = {});

// ---- powers and logarithms ----
Tensor exp2(const Tensor& x, SourceLine line = {});
Tensor log2(const Tensor& x, SourceLine line = {});
Tensor log10(const Tensor& x, SourceLine line = {});
Tensor cube(const Tensor& x, SourceLine line = {});
Tensor reciprocal(const Tensor& x, SourceLine line = {});
Tensor rsqrt(const Tensor& x, SourceLine line = {});
Tensor hypot(const Operand& x, const Operand& y, SourceLine line = {});      // derivatives 0 at (0, 0)
Tensor logaddexp(const Operand& a, const Operand& b, SourceLine line = {});  // log(exp(a) + exp(b))
Tensor log1mexp(const Tensor& x, SourceLine line = {});                      // log(1 - exp(x)), x <= 0
Tensor xlogy(const Operand& x, const Operand& y, SourceLine line = {});      // x log(y), 0 where x is 0

// ---- circular and hyperbolic functions ----
Tensor tan(const Tensor& x, SourceLine line = {});
Tensor asin(const Tensor& x, SourceLine line = {});
Tensor acos(const Tensor& x, SourceLine line = {});
Tensor atan(const Tensor& x, SourceLine line = {});
Tensor atan2(const Operand& y, const Operand& x, SourceLine line = {});
Tensor sinh(const Tensor& x, SourceLine line = {});
Tensor cosh(const Tensor& x, SourceLine line = {});
Tensor asinh(const Tensor& x, SourceLine line = {});
Tensor acosh(const Tensor& x, SourceLine line = {});
Tensor atanh(const Tensor& x, SourceLine line = {});
Tensor deg2rad(const Tensor& x, SourceLine line = {});
Tensor rad2deg(const Tensor& x, SourceLine line = {});

// ---- error and gamma functions ----
Tensor erfc(const Tensor& x, SourceLine line = {});
Tensor erfinv(const Tensor& x, SourceLine line = {});
Tensor lgamma(const Tensor& x, SourceLine line = {});
Tensor digamma(const Tensor& x, SourceLine line = {});
Tensor polygamma(std::int64_t n, const Tensor& x, SourceLine line = {});  // n-th derivative of digamma, n = 0..60

// ---- activations ----
Tensor leaky_relu(const Tensor& x, double slope = 0.01, SourceLine line = {});
Tensor elu(const Tensor& x, double alpha = 1, SourceLine line = {});
Tensor selu(const Tensor& x, SourceLine line = {});
Tensor gelu(const Tensor& x, SourceLine line = {});
Tensor gelu_tanh(const Tensor& x, SourceLine line = {});
Tensor silu(const Tensor& x, SourceLine line = {});
Tensor mish(const Tensor& x, SourceLine line = {});
Tensor hard_sigmoid(const Tensor& x, SourceLine line = {});  // clip(x / 6 + 1/2, 0, 1)
Tensor softsign(const Tensor& x, SourceLine line = {});
Tensor log_sigmoid(const Tensor& x, SourceLine line = {});

// ---- signs, bounds, predicates ----
Tensor sign(const Tensor& x, SourceLine line = {});
Tensor trunc(const Tensor& x, SourceLine line = {});
Tensor clip(const Tensor& x, const Operand& low, const Operand& high, SourceLine line = {});  // gradient at the bounds
Tensor isnan(const Tensor& x, SourceLine line = {});
Tensor isinf(const Tensor& x, SourceLine line = {});
Tensor isfinite(const Tensor& x, SourceLine line = {});
// NaN, and the infinities: by default the largest and the lowest number.
Tensor nan_to_num(const Tensor& x, double nan = 0, std::optional<double> high = {}, std::optional<double> low = {},
                  SourceLine line = {});
Tensor greater(const Operand& a, const Operand& b, SourceLine line = {});
Tensor greater_equal(const Operand& a, const Operand& b, SourceLine line = {});

// ---- bits: of integers; the first four of bools too ----
Tensor bitwise_and(const Operand& a, const Operand& b, SourceLine line = {});
Tensor bitwise_or(const Operand& a, const Operand& b, SourceLine line = {});
Tensor bitwise_xor(const Operand& a, const Operand& b, SourceLine line = {});
Tensor bitwise_not(const Tensor& x, SourceLine line = {});
Tensor shift_left(const Operand& a, const Operand& n, SourceLine line = {});
Tensor shift_right(const Operand& a, const Operand& n, SourceLine line = {});  // rounds down
Tensor logical_xor(const Operand& a, const Operand& b, SourceLine line = {});

}  // namespace bitale::ops
