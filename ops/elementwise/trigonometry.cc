// sin, cos, and the error function.
#include <cmath>
#include <numbers>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef sin_op, cos_op, erf_op;

const OpDef sin_op = unary({
    .name = "sin",
    .doc = "sin(x)",
    .op = ScalarOp::sin,
    .partial = {[](const Node& n) { return cos(n.input(0)); }},
    .samples = ir::unary_samples([](const Tensor& x) { return sin(x); }),
});

const OpDef cos_op = unary({
    .name = "cos",
    .doc = "cos(x)",
    .op = ScalarOp::cos,
    .partial = {[](const Node& n) { return -sin(n.input(0)); }},
    .samples = ir::unary_samples([](const Tensor& x) { return cos(x); }),
});

const OpDef erf_op = unary({
    .name = "erf",
    .doc = "erf(x): the error function",
    .op = ScalarOp::erf,
    .partial = {[](const Node& n) { return 2 * std::numbers::inv_sqrtpi * exp(-square(n.input(0))); }},
    .samples = ir::unary_samples([](const Tensor& x) { return erf(x); }),
});

Tensor sin(const Tensor& x, SourceLine line) { return apply_float(sin_op, x, line); }
Tensor cos(const Tensor& x, SourceLine line) { return apply_float(cos_op, x, line); }
Tensor erf(const Tensor& x, SourceLine line) { return apply_float(erf_op, x, line); }

}  // namespace bitale::ops
