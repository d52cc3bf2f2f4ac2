// Elementwise ops. Operands promote dtypes and broadcast as in NumPy; ops of floats take bools and integers as float32.
#pragma once

#include <optional>

#include <bitale/tensor.h>

namespace bitale {

Tensor exp(const Tensor& x, Where at = Where::current());
Tensor log(const Tensor& x, Where at = Where::current());
Tensor log1p(const Tensor& x, Where at = Where::current());
Tensor expm1(const Tensor& x, Where at = Where::current());
Tensor sqrt(const Tensor& x, Where at = Where::current());
Tensor square(const Tensor& x, Where at = Where::current());
Tensor abs(const Tensor& x, Where at = Where::current());
Tensor tanh(const Tensor& x, Where at = Where::current());
Tensor sigmoid(const Tensor& x, Where at = Where::current());
Tensor softplus(const Tensor& x, Where at = Where::current());
Tensor relu(const Tensor& x, Where at = Where::current());
Tensor sin(const Tensor& x, Where at = Where::current());
Tensor cos(const Tensor& x, Where at = Where::current());
Tensor erf(const Tensor& x, Where at = Where::current());
Tensor floor(const Tensor& x, Where at = Where::current());
Tensor ceil(const Tensor& x, Where at = Where::current());
Tensor round(const Tensor& x, Where at = Where::current());  // half to even
Tensor pow(const Operand& x, const Operand& y);
Tensor floordiv(const Operand& a, const Operand& b);
Tensor mod(const Operand& a, const Operand& b);
Tensor minimum(const Operand& a, const Operand& b);
Tensor maximum(const Operand& a, const Operand& b);
Tensor where(const Tensor& condition, const Operand& yes, const Operand& no);
Tensor cast(const Tensor& x, DType dtype, Where at = Where::current());
Tensor stop_gradient(const Tensor& x, Where at = Where::current());

// ---- powers and logarithms ----
Tensor exp2(const Tensor& x, Where at = Where::current());
Tensor log2(const Tensor& x, Where at = Where::current());
Tensor log10(const Tensor& x, Where at = Where::current());
Tensor cube(const Tensor& x, Where at = Where::current());
Tensor reciprocal(const Tensor& x, Where at = Where::current());
Tensor rsqrt(const Tensor& x, Where at = Where::current());
Tensor hypot(const Operand& x, const Operand& y);               // derivatives 0 at (0, 0)
Tensor logaddexp(const Operand& a, const Operand& b);           // log(exp(a) + exp(b)), without overflow
Tensor log1mexp(const Tensor& x, Where at = Where::current());  // log(1 - exp(x)) for x <= 0
Tensor xlogy(const Operand& x, const Operand& y);               // x log(y), 0 where x is 0

// ---- circular and hyperbolic functions ----
Tensor tan(const Tensor& x, Where at = Where::current());
Tensor asin(const Tensor& x, Where at = Where::current());
Tensor acos(const Tensor& x, Where at = Where::current());
Tensor atan(const Tensor& x, Where at = Where::current());
Tensor atan2(const Operand& y, const Operand& x);
Tensor sinh(const Tensor& x, Where at = Where::current());
Tensor cosh(const Tensor& x, Where at = Where::current());
Tensor asinh(const Tensor& x, Where at = Where::current());
Tensor acosh(const Tensor& x, Where at = Where::current());
Tensor atanh(const Tensor& x, Where at = Where::current());
Tensor deg2rad(const Tensor& x, Where at = Where::current());
Tensor rad2deg(const Tensor& x, Where at = Where::current());

// ---- error and gamma functions ----
Tensor erfc(const Tensor& x, Where at = Where::current());
Tensor erfinv(const Tensor& x, Where at = Where::current());
Tensor lgamma(const Tensor& x, Where at = Where::current());  // log |gamma(x)|
Tensor digamma(const Tensor& x, Where at = Where::current());
Tensor polygamma(std::int64_t n, const Tensor& x,
                 Where at = Where::current());  // n-th derivative of digamma, n = 0..60

// ---- activations ----
Tensor leaky_relu(const Tensor& x, double slope = 0.01, Where at = Where::current());
Tensor elu(const Tensor& x, double alpha = 1, Where at = Where::current());
Tensor selu(const Tensor& x, Where at = Where::current());
Tensor gelu(const Tensor& x, Where at = Where::current());
Tensor gelu_tanh(const Tensor& x, Where at = Where::current());
Tensor silu(const Tensor& x, Where at = Where::current());
Tensor mish(const Tensor& x, Where at = Where::current());
Tensor hard_sigmoid(const Tensor& x, Where at = Where::current());  // clip(x / 6 + 1/2, 0, 1)
Tensor softsign(const Tensor& x, Where at = Where::current());
Tensor log_sigmoid(const Tensor& x, Where at = Where::current());

// ---- signs, bounds, predicates ----
Tensor sign(const Tensor& x, Where at = Where::current());
Tensor trunc(const Tensor& x, Where at = Where::current());
Tensor clip(const Tensor& x, const Operand& low, const Operand& high,
            Where at = Where::current());  // the gradient passes at the bounds
Tensor isnan(const Tensor& x, Where at = Where::current());
Tensor isinf(const Tensor& x, Where at = Where::current());
Tensor isfinite(const Tensor& x, Where at = Where::current());
// NaN, and the infinities: by default the largest and the lowest number.
Tensor nan_to_num(const Tensor& x, double nan = 0, std::optional<double> high = {}, std::optional<double> low = {},
                  Where at = Where::current());
Tensor greater(const Operand& a, const Operand& b);
Tensor greater_equal(const Operand& a, const Operand& b);

// ---- bits: of integers; the first four of bools too ----
Tensor bitwise_and(const Operand& a, const Operand& b);
Tensor bitwise_or(const Operand& a, const Operand& b);
Tensor bitwise_xor(const Operand& a, const Operand& b);
Tensor bitwise_not(const Tensor& x, Where at = Where::current());
Tensor shift_left(const Operand& a, const Operand& n);
Tensor shift_right(const Operand& a, const Operand& n);  // rounds down
Tensor logical_xor(const Operand& a, const Operand& b);
Tensor operator%(const Operand& a, const Operand& b);  // mod
Tensor operator&(const Operand& a, const Operand& b);
Tensor operator|(const Operand& a, const Operand& b);
Tensor operator^(const Operand& a, const Operand& b);
Tensor operator~(const Tensor& x);

}  // namespace bitale
