// floordiv and mod, rounding towards minus infinity. An integer divided by 0 gives 0.
#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"

namespace bitale::ops {

using ir::OpDef;
using ir::ScalarOp;

extern const OpDef floordiv_op, mod_op;

namespace {

std::function<std::vector<ir::Sample>()> division_samples(Tensor (*build)(const Operand&, const Operand&, SourceLine)) {
  return [build] {
    auto list =
        ir::binary_samples([build](const Tensor& a, const Tensor& b) { return build(a, b, {}); }, -8, 8, 1, 3)();
    list.push_back(
        ir::sample("negative divisor", {ir::uniform({3, 4}, -8, 8)}, [build](auto x) { return build(x[0], -3, {}); }));
    return list;
  };
}

std::vector<DType> tested() { return {DType::f32, DType::f64, DType::i32, DType::i8}; }

}  // namespace

const OpDef floordiv_op = ir::elementwise({
    .name = "floordiv",
    .doc = "floordiv(a, b): rounds towards minus infinity; an integer divided by 0 gives 0",
    .operands = 2,
    .type = ir::same_number,
    .body = [](std::span<const ir::Expr> x) { return ir::call(ScalarOp::floordiv, {x[0], x[1]}); },
    .samples = division_samples(floordiv),
    .dtypes = tested(),
});

// mod(a, b) = a - floor(a / b) b.
const OpDef mod_op = ir::elementwise({
    .name = "mod",
    .doc = "mod(a, b): a - floordiv(a, b) * b, of the sign of b",
    .operands = 2,
    .type = ir::same_number,
    .body = [](std::span<const ir::Expr> x) { return ir::call(ScalarOp::mod, {x[0], x[1]}); },
    .partials = {{[](const ir::Node& n) { return ones_like(n.input(0)); }},
                 {[](const ir::Node& n) { return -floordiv(n.input(0), n.input(1)); }}},
    .samples = division_samples(mod),
    .dtypes = tested(),
});

namespace {

Tensor apply_division(const OpDef& op, std::initializer_list<Operand> operands, SourceLine line) {
  return apply_elementwise(op, operands, line, ir::number_dtype(operands));
}

}  // namespace

Tensor floordiv(const Operand& a, const Operand& b, SourceLine line) {
  return apply_division(floordiv_op, {a, b}, line);
}
Tensor mod(const Operand& a, const Operand& b, SourceLine line) { return apply_division(mod_op, {a, b}, line); }

}  // namespace bitale::ops
