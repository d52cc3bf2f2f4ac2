// Bitwise operations on integers. On bools they are the logical ones.
#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"

namespace bitale::ops {

using ir::Expr;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef bitwise_and_op, bitwise_or_op, bitwise_xor_op, bitwise_not_op, shift_left_op, shift_right_op,
    logical_xor_op;

namespace {

std::vector<ir::TensorType> same_integer(const ir::TypeArgs& args) {
  auto types = ir::same_type(args);
  args.require(is_integer(types[0].dtype), "operands must be integers or bools");
  return types;
}

std::vector<DType> integers() { return {DType::i8, DType::u8, DType::i32, DType::i64}; }

using Body = std::function<Expr(std::span<const Expr>)>;
Body instruction(ScalarOp op) {
  return [op](std::span<const Expr> x) { return ir::call(op, {x[0], x[1]}); };
}

OpDef binary(std::string name, std::string doc, Body body, Tensor (*build)(const Operand&, const Operand&, SourceLine),
             double low = -100, double high = 100) {
  const bool commutative = name.starts_with("bitwise");
  return ir::elementwise({
      .name = std::move(name),
      .doc = std::move(doc),
      .operands = 2,
      .type = same_integer,
      .body = std::move(body),
      .samples =
          [=] {
            auto list = ir::binary_samples([build](const Tensor& a, const Tensor& b) { return build(a, b, {}); }, -100,
                                           100, low, high)();
            list.push_back(ir::sample("by a number", {ir::uniform({7}, -100, 100)},
                                      [build](auto x) { return build(x[0], 3, {}); }));
            return list;
          },
      .commutative = commutative,
      .dtypes = integers(),
  });
}

// The amount is one that leaves some of the bits in.
Expr is_partial(Expr amount) {
  const double bits = 8.0 * static_cast<double>(size_of(amount.type()));
  return ir::call(ScalarOp::bit_and, {ir::call(ScalarOp::le, {ir::like(amount, 0), amount}),
                                      ir::call(ScalarOp::lt, {amount, ir::like(amount, bits)})});
}

Expr left(std::span<const Expr> x) {
  return ir::select(is_partial(x[1]), ir::call(ScalarOp::shl, {x[0], x[1]}), ir::like(x[0], 0));
}

// The instruction shifts zeros in: negative numbers are shifted as their complements.
Expr right(std::span<const Expr> x) {
  const Expr negative = ir::call(ScalarOp::lt, {x[0], ir::like(x[0], 0)});
  const auto flip_if_negative = [&](Expr v) { return ir::select(negative, ir::call(ScalarOp::bit_not, {v}), v); };
  const Expr shifted = ir::call(ScalarOp::shr, {flip_if_negative(x[0]), x[1]});
  return flip_if_negative(ir::select(is_partial(x[1]), shifted, ir::like(x[0], 0)));
}

bool all_bools(std::initializer_list<Operand> operands) { return ir::common_dtype(operands) == DType::bool_; }

Tensor apply(const OpDef& op, std::initializer_list<Operand> operands, SourceLine line) {
  return apply_elementwise(op, operands, line);
}

}  // namespace

const OpDef bitwise_and_op = binary("bitwise_and", "bitwise_and(a, b), a & b: of integers; of bools logical_and",
                                    instruction(ScalarOp::bit_and), bitwise_and);
const OpDef bitwise_or_op = binary("bitwise_or", "bitwise_or(a, b), a | b: of integers; of bools logical_or",
                                   instruction(ScalarOp::bit_or), bitwise_or);
const OpDef bitwise_xor_op = binary("bitwise_xor", "bitwise_xor(a, b), a ^ b: of integers; of bools logical_xor",
                                    instruction(ScalarOp::bit_xor), bitwise_xor);

const OpDef bitwise_not_op = ir::elementwise({
    .name = "bitwise_not",
    .doc = "bitwise_not(a), ~a: of an integer; of a bool logical_not",
    .type = same_integer,
    .body = [](std::span<const Expr> x) { return ir::call(ScalarOp::bit_not, {x[0]}); },
    .samples = ir::unary_samples([](const Tensor& x) { return bitwise_not(x); }, -100, 100),
    .dtypes = integers(),
});

const OpDef shift_left_op =
    binary("shift_left", "shift_left(a, n): a * 2^n of integers, wrapping; 0 unless 0 <= n < the number of bits", left,
           shift_left, -2, 70);
const OpDef shift_right_op = binary(
    "shift_right", "shift_right(a, n): a / 2^n of integers, rounded down; 0 or -1 unless 0 <= n < the number of bits",
    right, shift_right, -2, 70);

const OpDef logical_xor_op{
    .name = "logical_xor",
    .doc = "logical_xor(a, b), of bools: not_equal",
    .composite = true,
    .samples =
        [] {
          return std::vector{ir::sample("matrix", {ir::booleans({3, 4}), ir::booleans({4})},
                                        [](auto x) { return logical_xor(x[0], x[1]); })};
        },
    .dtypes = {DType::bool_},
};

Tensor bitwise_and(const Operand& a, const Operand& b, SourceLine line) {
  return all_bools({a, b}) ? logical_and(a, b, line) : apply(bitwise_and_op, {a, b}, line);
}
Tensor bitwise_or(const Operand& a, const Operand& b, SourceLine line) {
  return all_bools({a, b}) ? logical_or(a, b, line) : apply(bitwise_or_op, {a, b}, line);
}
Tensor bitwise_xor(const Operand& a, const Operand& b, SourceLine line) {
  return all_bools({a, b}) ? logical_xor(a, b, line) : apply(bitwise_xor_op, {a, b}, line);
}
Tensor bitwise_not(const Tensor& x, SourceLine line) {
  return x && x.dtype() == DType::bool_ ? logical_not(x, line) : apply(bitwise_not_op, {x}, line);
}
Tensor shift_left(const Operand& a, const Operand& n, SourceLine line) { return apply(shift_left_op, {a, n}, line); }
Tensor shift_right(const Operand& a, const Operand& n, SourceLine line) { return apply(shift_right_op, {a, n}, line); }

Tensor logical_xor(const Operand& a, const Operand& b, SourceLine line) {
  // logical_and refuses operands that are not bool, in its own name: these are only looked at.
  return not_equal(logical_or(a, false, line), logical_or(b, false, line), line);
}

}  // namespace bitale::ops
