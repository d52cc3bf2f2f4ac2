// Hyperbolic functions and their inverses, as formulas that neither cancel nor overflow early.
#include <numbers>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Expr;
using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef sinh_op, cosh_op, asinh_op, acosh_op, atanh_op;

namespace {

Expr less(Expr a, double b) { return ir::call(ScalarOp::lt, {a, ir::like(a, b)}); }
Expr abs(Expr x) { return ir::call(ScalarOp::abs, {x}); }
Expr sqrt(Expr x) { return ir::call(ScalarOp::sqrt, {x}); }
Expr log1p(Expr x) { return ir::call(ScalarOp::log1p, {x}); }

// The odd function that is `positive` for x > 0; zeros keep their sign.
Expr odd(Expr x, Expr positive) {
  const Expr zero = ir::like(x, 0);
  const Expr nonzero = ir::select(ir::call(ScalarOp::lt, {x, zero}), -positive, positive);
  return ir::select(ir::call(ScalarOp::eq, {x, zero}), x, nonzero);
}

// exp(|x|) / 2; the exponential of the half overflows where the result does.
Expr half_exp(Expr a) {
  const Expr root = ir::call(ScalarOp::exp, {a * 0.5});
  return (root * 0.5) * root;
}

// Where log(2a) is the result, and a^2 may overflow. There log1p(a) is log(a).
double huge(Expr x) { return x.type() == DType::f64 ? 0x1p500 : 0x1p60; }

Expr sinh_formula(Expr x) {
  const Expr a = abs(x), e = ir::call(ScalarOp::expm1, {a});
  return odd(x, ir::select(less(a, 20), 0.5 * (e + e / (e + 1)), half_exp(a)));
}

Expr cosh_formula(Expr x) {
  const Expr h = half_exp(abs(x));
  return h + 0.25 / h;
}

Expr asinh_formula(Expr x) {
  const Expr a = abs(x), z = a * a;
  const Expr moderate = less(a, huge(x));
  const Expr rest = ir::select(moderate, z / (1 + sqrt(1 + z)), ir::like(x, 0));
  return odd(x, log1p(a + rest) + ir::select(moderate, ir::like(x, 0), ir::like(x, std::numbers::ln2)));
}

Expr acosh_formula(Expr x) {
  const Expr moderate = less(x, huge(x));
  const Expr above = x - 1;
  const Expr u = ir::select(moderate, above + sqrt(above) * sqrt(x + 1), x);
  return log1p(u) + ir::select(moderate, ir::like(x, 0), ir::like(x, std::numbers::ln2));
}

Expr atanh_formula(Expr x) {
  const Expr a = abs(x);
  return odd(x, 0.5 * log1p(2 * a / (1 - a)));
}

}  // namespace

const OpDef sinh_op = unary({
    .name = "sinh",
    .doc = "sinh(x)",
    .body = sinh_formula,
    .partial = {[](const Node& n) { return cosh(n.input(0)); }},
    .samples = ir::unary_samples([](const Tensor& x) { return sinh(x); }),
});

const OpDef cosh_op = unary({
    .name = "cosh",
    .doc = "cosh(x)",
    .body = cosh_formula,
    .partial = {[](const Node& n) { return sinh(n.input(0)); }},
    .samples = ir::unary_samples([](const Tensor& x) { return cosh(x); }),
});

const OpDef asinh_op = unary({
    .name = "asinh",
    .doc = "asinh(x)",
    .body = asinh_formula,
    .partial = {[](const Node& n) { return 1 / hypot(n.input(0), 1); }},
    .samples = ir::unary_samples([](const Tensor& x) { return asinh(x); }),
});

const OpDef acosh_op = unary({
    .name = "acosh",
    .doc = "acosh(x): NaN below 1",
    .body = acosh_formula,
    .partial = {[](const Node& n) { return 1 / (ops::sqrt(n.input(0) - 1) * ops::sqrt(n.input(0) + 1)); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return acosh(x); }, 1.2, 5),
});

const OpDef atanh_op = unary({
    .name = "atanh",
    .doc = "atanh(x): infinite at -1 and 1, NaN outside",
    .body = atanh_formula,
    .partial = {[](const Node& n) { return 1 / ((1 - n.input(0)) * (1 + n.input(0))); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return atanh(x); }, -0.9, 0.9),
});

Tensor sinh(const Tensor& x, SourceLine line) { return apply_float(sinh_op, x, line); }
Tensor cosh(const Tensor& x, SourceLine line) { return apply_float(cosh_op, x, line); }
Tensor asinh(const Tensor& x, SourceLine line) { return apply_float(asinh_op, x, line); }
Tensor acosh(const Tensor& x, SourceLine line) { return apply_float(acosh_op, x, line); }
Tensor atanh(const Tensor& x, SourceLine line) { return apply_float(atanh_op, x, line); }

}  // namespace bitale::ops
