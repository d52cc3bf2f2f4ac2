// floor, ceil, round: their derivatives are zero. An integer is its own rounding.
#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::OpDef;
using ir::ScalarOp;

extern const OpDef floor_op, ceil_op, round_op;

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

namespace {

Tensor apply_rounding(const OpDef& op, const Tensor& x, SourceLine line) {
  return x && is_integer(x.dtype()) ? x : apply_float(op, x, line);
}

}  // namespace

Tensor floor(const Tensor& x, SourceLine line) { return apply_rounding(floor_op, x, line); }
Tensor ceil(const Tensor& x, SourceLine line) { return apply_rounding(ceil_op, x, line); }
Tensor round(const Tensor& x, SourceLine line) { return apply_rounding(round_op, x, line); }

}  // namespace bitale::ops
