// The error function and the gamma function, with their kin.
#include <cmath>
#include <numbers>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef erf_op, erfc_op, erfinv_op, lgamma_op, digamma_op;

const OpDef erf_op = unary({
    .name = "erf",
    .doc = "erf(x): the error function",
    .op = ScalarOp::erf,
    .partial = {[](const Node& n) { return 2 * std::numbers::inv_sqrtpi * exp(-square(n.input(0))); }},
    .samples = ir::unary_samples([](const Tensor& x) { return erf(x); }),
});

const OpDef erfc_op = unary({
    .name = "erfc",
    .doc = "erfc(x): 1 - erf(x), with all digits where it is small",
    .op = ScalarOp::erfc,
    .partial = {[](const Node& n) { return -2 * std::numbers::inv_sqrtpi * exp(-square(n.input(0))); }},
    .samples = ir::unary_samples([](const Tensor& x) { return erfc(x); }),
});

const OpDef erfinv_op = unary({
    .name = "erfinv",
    .doc = "erfinv(x): the y with erf(y) = x; infinite at -1 and 1, NaN outside",
    .op = ScalarOp::erfinv,
    .partial = {[](const Node& n) { return 0.5 / std::numbers::inv_sqrtpi * exp(square(result(n))); }, true},
    .samples = ir::unary_samples([](const Tensor& x) { return erfinv(x); }, -0.95, 0.95),
});

const OpDef lgamma_op = unary({
    .name = "lgamma",
    .doc = "lgamma(x): log |gamma(x)|; infinite at 0, -1, -2...",
    .op = ScalarOp::lgamma,
    .partial = {[](const Node& n) { return digamma(n.input(0)); }, true},
    .samples =
        [] {
          auto list = ir::unary_samples([](const Tensor& x) { return lgamma(x); }, 0.3, 6)();
          list.push_back(ir::sample("large", {ir::uniform({5}, 6, 40)}, [](auto x) { return lgamma(x[0]); }));
          list.push_back(ir::sample("negative", {ir::uniform({5}, -3.8, -3.2)}, [](auto x) { return lgamma(x[0]); }));
          return list;
        },
});

const OpDef digamma_op = unary({
    .name = "digamma",
    .doc = "digamma(x): the derivative of lgamma; infinite at 0, NaN at -1, -2...",
    .op = ScalarOp::digamma,
    .partial = {[](const Node& n) { return polygamma(1, n.input(0)); }, true},
    .samples =
        [] {
          auto list = ir::unary_samples([](const Tensor& x) { return digamma(x); }, 0.3, 6)();
          list.push_back(ir::sample("large", {ir::uniform({5}, 6, 40)}, [](auto x) { return digamma(x[0]); }));
          list.push_back(ir::sample("negative", {ir::uniform({5}, -2.8, -2.2)}, [](auto x) { return digamma(x[0]); }));
          return list;
        },
});

Tensor erf(const Tensor& x, SourceLine line) { return apply_float(erf_op, x, line); }
Tensor erfc(const Tensor& x, SourceLine line) { return apply_float(erfc_op, x, line); }
Tensor erfinv(const Tensor& x, SourceLine line) { return apply_float(erfinv_op, x, line); }
Tensor lgamma(const Tensor& x, SourceLine line) { return apply_float(lgamma_op, x, line); }
Tensor digamma(const Tensor& x, SourceLine line) { return apply_float(digamma_op, x, line); }

}  // namespace bitale::ops
