// Powers, roots and hypot. Integers are taken as default_float.
#include <limits>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Expr;
using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef sqrt_op, pow_op, hypot_op, square_op, cube_op, reciprocal_op, rsqrt_op;

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

namespace {

// The larger magnitude times the root of 1 + the quotient's square, which neither overflows nor vanishes.
Expr hypot_formula(std::span<const Expr> x) {
  const Expr a = ir::call(ScalarOp::abs, {x[0]}), b = ir::call(ScalarOp::abs, {x[1]});
  const Expr large = ir::call(ScalarOp::max, {a, b}), small = ir::call(ScalarOp::min, {a, b});
  const Expr q = small / large;
  const Expr result = large * ir::call(ScalarOp::sqrt, {1 + q * q});
  const Expr is_zero = ir::call(ScalarOp::eq, {large, ir::like(large, 0)});
  const Expr is_infinite = ir::call(ScalarOp::eq, {large, ir::like(large, std::numeric_limits<double>::infinity())});
  return ir::select(ir::call(ScalarOp::bit_or, {is_zero, is_infinite}), large, result);
}

// x / hypot(x, y), and 0 where both are 0.
Tensor leg(const Node& n, int i) {
  const Tensor zero = equal(result(n), 0);
  return where(zero, 0, n.input(i) / where(zero, 1, result(n)));
}

}  // namespace

const OpDef hypot_op = ir::elementwise({
    .name = "hypot",
    .doc = "hypot(x, y): sqrt(x^2 + y^2) without overflow; its derivatives at (0, 0) are 0",
    .operands = 2,
    .type = ir::same_float,
    .body = hypot_formula,
    .partials = {{[](const Node& n) { return leg(n, 0); }}, {[](const Node& n) { return leg(n, 1); }}},
    .samples = ir::binary_samples([](const Tensor& x, const Tensor& y) { return hypot(x, y); }, 0.3, 3, -3, 3),
    .commutative = true,
});

const OpDef square_op{
    .name = "square",
    .doc = "square(x): x * x",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return ir::square(x); }),
    .dtypes = {DType::f32, DType::f64, DType::i32},
};

const OpDef cube_op{
    .name = "cube",
    .doc = "cube(x): x * x * x",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return cube(x); }),
    .dtypes = {DType::f32, DType::f64, DType::i32},
};

const OpDef reciprocal_op{
    .name = "reciprocal",
    .doc = "reciprocal(x): 1 / x; integers are taken as the default float",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return reciprocal(x); }, 0.3, 3),
};

const OpDef rsqrt_op{
    .name = "rsqrt",
    .doc = "rsqrt(x): 1 / sqrt(x)",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return rsqrt(x); }, 0.3, 3),
};

Tensor cube(const Tensor& x, SourceLine line) { return mul(mul(x, x, line), x, line); }
Tensor reciprocal(const Tensor& x, SourceLine line) { return div(1, x, line); }
Tensor rsqrt(const Tensor& x, SourceLine line) { return div(1, sqrt(x, line), line); }

Tensor hypot(const Operand& x, const Operand& y, SourceLine line) {
  const Operand operands[] = {x, y};
  return apply_elementwise(hypot_op, operands, line, ir::float_dtype(operands));
}

Tensor sqrt(const Tensor& x, SourceLine line) { return apply_float(sqrt_op, x, line); }

Tensor pow(const Operand& x, const Operand& y, SourceLine line) {
  const Operand operands[] = {x, y};
  return apply_elementwise(pow_op, operands, line, ir::float_dtype(operands));
}

}  // namespace bitale::ops
