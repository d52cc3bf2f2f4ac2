// exp, expm1, log, log1p.
#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef exp_op, expm1_op, log_op, log1p_op;

const OpDef exp_op = unary({
    .name = "exp",
    .doc = "exp(x)",
    .op = ScalarOp::exp,
    .partial = {[](const Node& n) { return result(n); }},
    .samples = ir::unary_samples([](const Tensor& x) { return exp(x); }),
});

const OpDef expm1_op = unary({
    .name = "expm1",
    .doc = "expm1(x): exp(x) - 1, exact near 0",
    .op = ScalarOp::expm1,
    .partial = {[](const Node& n) { return result(n) + 1; }},
    .samples = ir::unary_samples([](const Tensor& x) { return expm1(x); }),
});

const OpDef log_op = unary({
    .name = "log",
    .doc = "log(x): natural logarithm",
    .op = ScalarOp::log,
    .partial = {[](const Node& n) { return 1 / n.input(0); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return log(x); }, 0.1, 4),
});

const OpDef log1p_op = unary({
    .name = "log1p",
    .doc = "log1p(x): log(1 + x), exact near 0",
    .op = ScalarOp::log1p,
    .partial = {[](const Node& n) { return 1 / (n.input(0) + 1); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return log1p(x); }, -0.8, 3),
});

Tensor exp(const Tensor& x, SourceLine line) { return apply_float(exp_op, x, line); }
Tensor expm1(const Tensor& x, SourceLine line) { return apply_float(expm1_op, x, line); }
Tensor log(const Tensor& x, SourceLine line) { return apply_float(log_op, x, line); }
Tensor log1p(const Tensor& x, SourceLine line) { return apply_float(log1p_op, x, line); }

}  // namespace bitale::ops
