// sqrt and pow. Integers are taken as default_float.
#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef sqrt_op, pow_op;

const OpDef sqrt_op = unary({
    .name = "sqrt",
    .doc = "sqrt(x)",
    .op = ScalarOp::sqrt,
    .partial = {[](const Node& n) { return 0.5 / result(n); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return sqrt(x); }, 0.1, 4),
});

namespace {

// d x^y / dx = y x^(y-1); where y is 0 it is 0, also at x = 0.
Tensor pow_by_base(const Node& n) {
  const Tensor &x = n.input(0), &y = n.input(1);
  return where(equal(y, 0), 0, y * pow(x, y - 1));
}

// d x^y / dy = x^y log x; 0 at x = 0.
Tensor pow_by_exponent(const Node& n) {
  const Tensor& x = n.input(0);
  const Tensor zero = equal(x, 0);
  return where(zero, 0, result(n) * log(where(zero, 1, x)));
}

}  // namespace

const OpDef pow_op = ir::elementwise({
    .name = "pow",
    .doc = "pow(x, y): x to the power y; the derivative in y is 0 at x = 0",
    .operands = 2,
    .type = ir::same_float,
    .body = [](std::span<const ir::Expr> x) { return ir::call(ScalarOp::pow, {x[0], x[1]}); },
    .partials = {{pow_by_base, true}, {pow_by_exponent, true}},
    .samples =
        [] {
          auto list = ir::binary_samples([](const Tensor& x, const Tensor& y) { return pow(x, y); }, 0.2, 3, -2, 2)();
          list.push_back(ir::sample("square", {ir::uniform({5})}, [](auto x) { return pow(x[0], 2); }));
          list.push_back(ir::sample("zeroth power", {ir::uniform({5})}, [](auto x) { return pow(x[0], 0); }));
          return list;
        },
});

Tensor sqrt(const Tensor& x, SourceLine line) { return apply_float(sqrt_op, x, line); }

Tensor pow(const Operand& x, const Operand& y, SourceLine line) {
  const Operand operands[] = {x, y};
  return apply_elementwise(pow_op, operands, line, ir::float_dtype(operands));
}

}  // namespace bitale::ops
