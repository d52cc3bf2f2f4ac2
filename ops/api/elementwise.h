// Elementwise ops. Operands promote dtypes and broadcast; ops of floats take bools and integers as default_float.
#pragma once

#include "compiler/prim/prim.h"

namespace bitale::ops {

using ir::Dim;
using ir::Operand;
using ir::Shape;
using ir::Tensor;

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

}  // namespace bitale::ops
