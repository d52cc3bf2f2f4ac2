// Activations with pieces: linear where x is positive, something else below; and bounded ones.
#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef leaky_relu_op, elu_op, selu_op, hard_sigmoid_op, softsign_op;

const OpDef leaky_relu_op{
    .name = "leaky_relu",
    .doc = "leaky_relu(x, slope = 0.01): x where x > 0, else slope * x; its derivative at 0 is the slope",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return leaky_relu(x, 0.2); }),
};

const OpDef elu_op{
    .name = "elu",
    .doc = "elu(x, alpha = 1): x where x > 0, else alpha * expm1(x)",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return elu(x, 1.5); }),
};

const OpDef selu_op{
    .name = "selu",
    .doc = "selu(x): the scaled elu that keeps mean 0 and variance 1 (Klambauer et al. 2017)",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return selu(x); }),
};

const OpDef hard_sigmoid_op{
    .name = "hard_sigmoid",
    .doc = "hard_sigmoid(x): clip(x / 6 + 1/2, 0, 1)",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return hard_sigmoid(x); }, -5, 5),
};

const OpDef softsign_op{
    .name = "softsign",
    .doc = "softsign(x): x / (1 + |x|)",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return softsign(x); }),
};

namespace {

// x where it is positive, else `scale` * expm1(x). The exponential never sees a positive x: it would overflow, and its
// derivative with it.
Tensor exponential_unit(const Tensor& x, double scale, SourceLine line) {
  const Tensor below = mul(scale, expm1(minimum(x, 0, line), line), line);
  return where(less(0, x, line), x, below, line);
}

}  // namespace

Tensor leaky_relu(const Tensor& x, double slope, SourceLine line) {
  return where(less(0, x, line), x, mul(slope, x, line), line);
}

Tensor elu(const Tensor& x, double alpha, SourceLine line) { return exponential_unit(x, alpha, line); }

Tensor selu(const Tensor& x, SourceLine line) {
  constexpr double alpha = 1.6732632423543772, scale = 1.0507009873554805;
  return mul(scale, exponential_unit(x, alpha, line), line);
}

Tensor hard_sigmoid(const Tensor& x, SourceLine line) {
  return clip(add(mul(x, 1.0 / 6, line), 0.5, line), 0, 1, line);
}

Tensor softsign(const Tensor& x, SourceLine line) { return div(x, add(1, abs(x, line), line), line); }

}  // namespace bitale::ops
