// exp, exp2, expm1, log, log2, log10, log1p.
#include <numbers>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef exp_op, exp2_op, expm1_op, log_op, log2_op, log10_op, log1p_op;

const OpDef exp_op = unary({
    .name = "exp",
    .doc = "exp(x)",
    .op = ScalarOp::exp,
    .partial = {[](const Node& n) { return result(n); }},
    .samples = ir::unary_samples([](const Tensor& x) { return exp(x); }),
});

const OpDef exp2_op = unary({
    .name = "exp2",
    .doc = "exp2(x): 2 to the power x",
    .op = ScalarOp::exp2,
    .partial = {[](const Node& n) { return result(n) * std::numbers::ln2; }},
    .samples = ir::unary_samples([](const Tensor& x) { return exp2(x); }),
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

const OpDef log2_op = unary({
    .name = "log2",
    .doc = "log2(x): logarithm to base 2, exact for its powers",
    .op = ScalarOp::log2,
    .partial = {[](const Node& n) { return std::numbers::log2e / n.input(0); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return log2(x); }, 0.1, 4),
});

const OpDef log10_op = unary({
    .name = "log10",
    .doc = "log10(x): logarithm to base 10",
    .op = ScalarOp::log10,
    .partial = {[](const Node& n) { return std::numbers::log10e / n.input(0); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return log10(x); }, 0.1, 4),
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
Tensor exp2(const Tensor& x, SourceLine line) { return apply_float(exp2_op, x, line); }
Tensor log2(const Tensor& x, SourceLine line) { return apply_float(log2_op, x, line); }
Tensor log10(const Tensor& x, SourceLine line) { return apply_float(log10_op, x, line); }
Tensor log1p(const Tensor& x, SourceLine line) { return apply_float(log1p_op, x, line); }

}  // namespace bitale::ops
