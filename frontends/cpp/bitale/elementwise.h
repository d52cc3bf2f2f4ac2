// Elementwise ops. Operands promote dtypes and broadcast as in NumPy; ops of floats take bools and integers as float32.
#pragma once

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

}  // namespace bitale
