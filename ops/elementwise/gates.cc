// Activations that weigh x by how likely it is to be kept. At minus infinity they are NaN, as 0 * infinity is.
#include <numbers>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef gelu_op, gelu_tanh_op, silu_op, mish_op, log_sigmoid_op;

const OpDef gelu_op{
    .name = "gelu",
    .doc = "gelu(x): x times the normal distribution function of x",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return gelu(x); }),
};

const OpDef gelu_tanh_op{
    .name = "gelu_tanh",
    .doc = "gelu_tanh(x): the form of gelu with tanh(sqrt(2/pi) (x + 0.044715 x^3))",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return gelu_tanh(x); }),
};

const OpDef silu_op{
    .name = "silu",
    .doc = "silu(x): x * sigmoid(x)",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return silu(x); }),
};

const OpDef mish_op{
    .name = "mish",
    .doc = "mish(x): x * tanh(softplus(x))",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return mish(x); }),
};

const OpDef log_sigmoid_op{
    .name = "log_sigmoid",
    .doc = "log_sigmoid(x): log(sigmoid(x)), without underflow",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return log_sigmoid(x); }),
};

// By erfc, which keeps its digits for negative x.
Tensor gelu(const Tensor& x, SourceLine line) {
  const Tensor kept = mul(0.5, erfc(mul(x, -std::numbers::sqrt2 / 2, line), line), line);
  return mul(x, kept, line);
}

// (1 + tanh(u)) / 2 = sigmoid(2u), which keeps its digits.
Tensor gelu_tanh(const Tensor& x, SourceLine line) {
  const double scale = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  const Tensor cubic = mul(x, add(1, mul(0.044715, mul(x, x, line), line), line), line);
  return mul(x, sigmoid(mul(scale, cubic, line), line), line);
}

Tensor silu(const Tensor& x, SourceLine line) { return mul(x, sigmoid(x, line), line); }
Tensor mish(const Tensor& x, SourceLine line) { return mul(x, tanh(softplus(x, line), line), line); }
Tensor log_sigmoid(const Tensor& x, SourceLine line) { return neg(softplus(neg(x, line), line), line); }

}  // namespace bitale::ops
