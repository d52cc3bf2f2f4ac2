// tanh, sigmoid, softplus, relu.
#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef tanh_op, sigmoid_op, softplus_op, relu_op;

const OpDef tanh_op = unary({
    .name = "tanh",
    .doc = "tanh(x)",
    .op = ScalarOp::tanh,
    .partial = {[](const Node& n) { return 1 - square(result(n)); }},
    .samples = ir::unary_samples([](const Tensor& x) { return tanh(x); }),
});

const OpDef sigmoid_op = unary({
    .name = "sigmoid",
    .doc = "sigmoid(x): 1 / (1 + exp(-x)), without overflow",
    .op = ScalarOp::sigmoid,
    .partial = {[](const Node& n) { return result(n) * (1 - result(n)); }},
    .samples = ir::unary_samples([](const Tensor& x) { return sigmoid(x); }),
});

const OpDef softplus_op = unary({
    .name = "softplus",
    .doc = "softplus(x): log(1 + exp(x)), without overflow",
    .op = ScalarOp::softplus,
    .partial = {[](const Node& n) { return sigmoid(n.input(0)); }},
    .samples = ir::unary_samples([](const Tensor& x) { return softplus(x); }),
});

// The cotangent is selected, not multiplied: an infinite one does not become NaN where relu is flat.
const OpDef relu_op = [] {
  OpDef def = ir::elementwise(
      {.name = "relu",
       .doc = "relu(x): max(x, 0); its derivative at 0 is 0",
       .type = ir::same_number,
       .body = [](std::span<const ir::Expr> x) { return ir::call(ScalarOp::max, {x[0], ir::like(x[0], 0)}); },
       .samples = ir::unary_samples([](const Tensor& x) { return relu(x); }),
       .dtypes = {DType::f32, DType::f64, DType::i32}});
  def.vjp = [](const ir::Vjp& v) {
    if (!v.dy() || !is_floating(v.dy().dtype())) return ir::zero_vjp(v);
    return std::vector<Tensor>{where(less(0, v.in(0)), v.dy(), zeros_like(v.dy()))};
  };
  def.jvp = [](const ir::Jvp& v) {
    if (!v.dx(0)) return ir::zero_jvp(v);
    return std::vector<Tensor>{where(less(0, v.in(0)), v.dx(0), zeros_like(v.dx(0)))};
  };
  return def;
}();

Tensor tanh(const Tensor& x, SourceLine line) { return apply_float(tanh_op, x, line); }
Tensor sigmoid(const Tensor& x, SourceLine line) { return apply_float(sigmoid_op, x, line); }
Tensor softplus(const Tensor& x, SourceLine line) { return apply_float(softplus_op, x, line); }

Tensor relu(const Tensor& x, SourceLine line) {
  const Operand operand = x;
  return apply_elementwise(relu_op, {&operand, 1}, line, ir::number_dtype({&operand, 1}));
}

}  // namespace bitale::ops
