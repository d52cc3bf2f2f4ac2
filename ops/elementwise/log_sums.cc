// Logarithms of sums and differences of exponentials, and x log y.
#include <limits>
#include <numbers>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Expr;
using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef logaddexp_op, log1mexp_op, xlogy_op;

namespace {

// How much of logaddexp(a, b) is a's; half of it where both are the same infinity, whose difference is NaN.
Tensor share(const Tensor& a, const Tensor& b) {
  const Tensor same_infinity = logical_and(equal(a, b), equal(abs(a), std::numeric_limits<double>::infinity()));
  return sigmoid(where(same_infinity, 0, a - b));
}

}  // namespace

const OpDef logaddexp_op = ir::elementwise({
    .name = "logaddexp",
    .doc = "logaddexp(a, b): log(exp(a) + exp(b)), without overflow",
    .operands = 2,
    .type = ir::same_float,
    .body =
        [](std::span<const Expr> x) {
          const Expr larger = ir::call(ScalarOp::max, {x[0], x[1]});
          const Expr rest = ir::call(ScalarOp::softplus, {-ir::call(ScalarOp::abs, {x[0] - x[1]})});
          const Expr equal = ir::call(ScalarOp::eq, {x[0], x[1]});  // infinities too
          return larger + ir::select(equal, ir::like(x[0], std::numbers::ln2), rest);
        },
    .partials = {{[](const Node& n) { return share(n.input(0), n.input(1)); }},
                 {[](const Node& n) { return share(n.input(1), n.input(0)); }}},
    .samples = ir::binary_samples([](const Tensor& a, const Tensor& b) { return logaddexp(a, b); }),
    .commutative = true,
});

const OpDef log1mexp_op = unary({
    .name = "log1mexp",
    .doc = "log1mexp(x): log(1 - exp(x)) for x <= 0, with all digits; NaN above",
    .body =
        [](Expr x) {
          const Expr near = ir::call(ScalarOp::log, {-ir::call(ScalarOp::expm1, {x})});
          const Expr far = ir::call(ScalarOp::log1p, {-ir::call(ScalarOp::exp, {x})});
          return ir::select(ir::call(ScalarOp::lt, {ir::like(x, -std::numbers::ln2), x}), near, far);
        },
    .partial = {[](const Node& n) { return -1 / expm1(-n.input(0)); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return log1mexp(x); }, -3, -0.1),
});

// The derivative in y is x / y by strong_mul, which is 0 at x = 0 and keeps its own derivative in x there.
const OpDef xlogy_op = ir::elementwise({
    .name = "xlogy",
    .doc = "xlogy(x, y): x * log(y), but 0 where x is 0 and y is not NaN",
    .operands = 2,
    .type = ir::same_float,
    .body =
        [](std::span<const Expr> x) {
          const Expr zero = ir::like(x[0], 0);
          const Expr skips =
              ir::call(ScalarOp::bit_and, {ir::call(ScalarOp::eq, {x[0], zero}), ir::call(ScalarOp::eq, {x[1], x[1]})});
          return ir::select(skips, zero, x[0] * ir::call(ScalarOp::log, {x[1]}));
        },
    .partials = {{[](const Node& n) { return log(n.input(1)); }, true},
                 {[](const Node& n) { return strong_mul(n.input(0), 1 / n.input(1)); }, true}},
    .samples = ir::binary_samples([](const Tensor& x, const Tensor& y) { return xlogy(x, y); }, -2, 2, 0.2, 3),
});

Tensor log1mexp(const Tensor& x, SourceLine line) { return apply_float(log1mexp_op, x, line); }

Tensor logaddexp(const Operand& a, const Operand& b, SourceLine line) {
  const Operand operands[] = {a, b};
  return apply_elementwise(logaddexp_op, operands, line, ir::float_dtype(operands));
}

Tensor xlogy(const Operand& x, const Operand& y, SourceLine line) {
  const Operand operands[] = {x, y};
  return apply_elementwise(xlogy_op, operands, line, ir::float_dtype(operands));
}

}  // namespace bitale::ops
