// floor, ceil, round, trunc, sign: their derivatives are zero. An integer is its own rounding.
#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::OpDef;
using ir::ScalarOp;

extern const OpDef floor_op, ceil_op, round_op, trunc_op, sign_op;

const OpDef floor_op = unary({
    .name = "floor",
    .doc = "floor(x)",
    .op = ScalarOp::floor,
    .samples = ir::unary_samples([](const Tensor& x) { return floor(x); }),
});

const OpDef ceil_op = unary({
    .name = "ceil",
    .doc = "ceil(x)",
    .op = ScalarOp::ceil,
    .samples = ir::unary_samples([](const Tensor& x) { return ceil(x); }),
});

// Halves go to the even number.
const OpDef round_op = unary({
    .name = "round",
    .doc = "round(x): to the nearest integer, halves to the even one",
    .op = ScalarOp::round,
    .samples = ir::unary_samples([](const Tensor& x) { return round(x); }),
});

const OpDef trunc_op = unary({
    .name = "trunc",
    .doc = "trunc(x): towards 0",
    .op = ScalarOp::trunc,
    .samples = ir::unary_samples([](const Tensor& x) { return trunc(x); }),
});

const OpDef sign_op = ir::elementwise({
    .name = "sign",
    .doc = "sign(x): -1, 0 or 1; NaN and zeros are their own",
    .type = ir::same_number,
    .body =
        [](std::span<const ir::Expr> x) {
          const ir::Expr zero = ir::like(x[0], 0);
          const ir::Expr positive = ir::select(ir::call(ScalarOp::lt, {zero, x[0]}), ir::like(x[0], 1), x[0]);
          return ir::select(ir::call(ScalarOp::lt, {x[0], zero}), ir::like(x[0], -1), positive);
        },
    .samples = ir::unary_samples([](const Tensor& x) { return sign(x); }),
    .dtypes = {DType::f32, DType::f64, DType::i32, DType::u8},
});

namespace {

Tensor apply_rounding(const OpDef& op, const Tensor& x, SourceLine line) {
  return x && is_integer(x.dtype()) ? x : apply_float(op, x, line);
}

}  // namespace

Tensor floor(const Tensor& x, SourceLine line) { return apply_rounding(floor_op, x, line); }
Tensor ceil(const Tensor& x, SourceLine line) { return apply_rounding(ceil_op, x, line); }
Tensor round(const Tensor& x, SourceLine line) { return apply_rounding(round_op, x, line); }
Tensor trunc(const Tensor& x, SourceLine line) { return apply_rounding(trunc_op, x, line); }

Tensor sign(const Tensor& x, SourceLine line) {
  const Operand operand = x;
  return apply_elementwise(sign_op, {&operand, 1}, line, ir::number_dtype({&operand, 1}));
}

}  // namespace bitale::ops
