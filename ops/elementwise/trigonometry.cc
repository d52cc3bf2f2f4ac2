// Circular functions and their inverses.
#include <numbers>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Expr;
using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef sin_op, cos_op, tan_op, asin_op, acos_op, atan_op, atan2_op, deg2rad_op, rad2deg_op;

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

const OpDef tan_op = unary({
    .name = "tan",
    .doc = "tan(x)",
    .op = ScalarOp::tan,
    .partial = {[](const Node& n) { return 1 + square(result(n)); }},
    .samples = ir::unary_samples([](const Tensor& x) { return tan(x); }, -1.2, 1.2),
});

namespace {

// sqrt(1 - x^2), exact near 1.
Expr other_leg(Expr x) { return ir::call(ScalarOp::sqrt, {(1 - x) * (1 + x)}); }
Tensor other_leg(const Tensor& x) { return sqrt((1 - x) * (1 + x)); }

Tensor hypotenuse(const Node& n) { return hypot(n.input(0), n.input(1)); }

}  // namespace

const OpDef asin_op = unary({
    .name = "asin",
    .doc = "asin(x): in [-pi/2, pi/2]; NaN outside [-1, 1]",
    .body = [](Expr x) { return ir::call(ScalarOp::atan2, {x, other_leg(x)}); },
    .partial = {[](const Node& n) { return 1 / other_leg(n.input(0)); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return asin(x); }, -0.9, 0.9),
});

const OpDef acos_op = unary({
    .name = "acos",
    .doc = "acos(x): in [0, pi]; NaN outside [-1, 1]",
    .body = [](Expr x) { return ir::call(ScalarOp::atan2, {other_leg(x), x}); },
    .partial = {[](const Node& n) { return -1 / other_leg(n.input(0)); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return acos(x); }, -0.9, 0.9),
});

const OpDef atan_op = unary({
    .name = "atan",
    .doc = "atan(x): in [-pi/2, pi/2]",
    .op = ScalarOp::atan,
    .partial = {[](const Node& n) { return 1 / (1 + square(n.input(0))); }},
    .samples = ir::unary_samples([](const Tensor& x) { return atan(x); }),
});

// Of huge numbers the squares would overflow: the quotients are taken one after the other.
const OpDef atan2_op = ir::elementwise({
    .name = "atan2",
    .doc = "atan2(y, x): the angle of the point (x, y), in [-pi, pi], with the signs of zeros as in C",
    .operands = 2,
    .type = ir::same_float,
    .body = [](std::span<const Expr> x) { return ir::call(ScalarOp::atan2, {x[0], x[1]}); },
    .partials = {{[](const Node& n) { return n.input(1) / hypotenuse(n) / hypotenuse(n); }, true},
                 {[](const Node& n) { return -n.input(0) / hypotenuse(n) / hypotenuse(n); }, true}},
    .samples =
        [] {
          auto list = ir::binary_samples([](const Tensor& y, const Tensor& x) { return atan2(y, x); }, 0.2, 3, -3, 3)();
          list.push_back(ir::sample("below", {ir::uniform({7}, -3, -0.2), ir::uniform({7}, -3, 3)},
                                    [](auto x) { return atan2(x[0], x[1]); }));
          return list;
        },
});

const OpDef deg2rad_op{
    .name = "deg2rad",
    .doc = "deg2rad(x): degrees as radians",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return deg2rad(x); }, -180, 180),
};

const OpDef rad2deg_op{
    .name = "rad2deg",
    .doc = "rad2deg(x): radians as degrees",
    .composite = true,
    .samples = ir::unary_samples([](const Tensor& x) { return rad2deg(x); }),
};

Tensor sin(const Tensor& x, SourceLine line) { return apply_float(sin_op, x, line); }
Tensor cos(const Tensor& x, SourceLine line) { return apply_float(cos_op, x, line); }
Tensor tan(const Tensor& x, SourceLine line) { return apply_float(tan_op, x, line); }
Tensor asin(const Tensor& x, SourceLine line) { return apply_float(asin_op, x, line); }
Tensor acos(const Tensor& x, SourceLine line) { return apply_float(acos_op, x, line); }
Tensor atan(const Tensor& x, SourceLine line) { return apply_float(atan_op, x, line); }

Tensor atan2(const Operand& y, const Operand& x, SourceLine line) {
  const Operand operands[] = {y, x};
  return apply_elementwise(atan2_op, operands, line, ir::float_dtype(operands));
}

Tensor deg2rad(const Tensor& x, SourceLine line) { return mul(x, std::numbers::pi / 180, line); }
Tensor rad2deg(const Tensor& x, SourceLine line) { return mul(x, 180 / std::numbers::pi, line); }

}  // namespace bitale::ops
