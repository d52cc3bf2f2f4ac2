// The pass that takes 16-bit floats out of arithmetic.
#include "compiler/passes/widen.h"

#include "compiler/passes/narrow_operands.h"
#include "compiler/prim/held_in.h"
#include "compiler/prim/prim.h"
#include "ops/api/elementwise.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;

namespace {

Tensor input(const char* name, DType dtype, ir::Shape shape = {3}) {
  ops::register_all();
  return ir::input(name, {dtype, std::move(shape)});
}

Tensor widened(const Tensor& t, int level = 2) {
  rewrite::PassContext context;
  context.level = level;
  return passes::widen({{}, {t}}, context, {}).outputs[0];
}

Tensor with_narrow_operands(const Tensor& t) {
  rewrite::PassContext context;
  return passes::narrow_operands({{}, {t}}, context).outputs[0];
}

Tensor up(const Tensor& t) { return ir::cast(t, DType::f32); }
Tensor half(const Tensor& t) { return ir::cast(t, DType::f16); }

}  // namespace

TEST_CASE("an op on 16 bits is the op on float32 between casts") {
  const Tensor x = input("x", DType::f16), y = input("y", DType::f16);
  for (const int level : {0, 2}) CHECK(widened(x * y, level) == half(up(x) * up(y)));
}

TEST_CASE("what one op hands to another is rounded at level 0 alone") {
  const Tensor x = input("x", DType::f16);
  CHECK(widened(ops::exp(x) + x, 0) == half(up(half(ops::exp(up(x)))) + up(x)));
  CHECK(widened(ops::exp(x) + x, 1) == half(ops::exp(up(x)) + up(x)));
  CHECK(widened(ir::cast(ops::exp(x), DType::f32), 1) == ops::exp(up(x)));
}

TEST_CASE("a cast that the user wrote rounds") {
  const Tensor x = input("x", DType::f32), h = input("h", DType::f16), n = input("n", DType::i32);
  CHECK(widened(up(half(x)) * 2) == up(half(x)) * 2);
  CHECK(widened(ir::cast(h, DType::bf16)) == ir::cast(up(h), DType::bf16));
  CHECK(widened(half(n)) == half(up(n)));
  CHECK(widened(ir::cast(h, DType::i32)) == ir::cast(up(h), DType::i32));
  CHECK(widened(up(h)) == up(h));
}

TEST_CASE("views stay in 16 bits, and are seen through") {
  const Tensor x = input("x", DType::f16, {2, 3});
  CHECK(widened(ir::reshape(x, {6})) == ir::reshape(x, {6}));
  CHECK(widened(ir::neg(ir::reshape(ops::exp(x), {6}))) == half(ir::neg(ir::reshape(ops::exp(up(x)), {6}))));
}

TEST_CASE("dtypes and numbers in parameters are widened, too") {
  const Tensor one = ir::full(ir::Literal::real(1.5, DType::bf16), {3}), n = ir::iota(DType::bf16, {3}, 0);
  const Tensor wide = ir::full(ir::Literal::real(1.5, DType::f32), {3}) + ir::iota(DType::f32, {3}, 0);
  CHECK(widened(one + n) == ir::cast(wide, DType::bf16));
}

TEST_CASE("what a product multiplies is rounded, for all that read it") {
  const Tensor x = input("x", DType::f16, {3, 3}), y = ops::exp(x), rounded = half(ops::exp(up(x)));
  CHECK(widened(ir::dot(y, x), 1) == half(ir::dot(up(rounded), up(x))));
  CHECK(widened(ir::dot(y, x) + y, 1) == half(ir::dot(up(rounded), up(x)) + up(rounded)));
  const Tensor z = input("z", DType::f16, {9}), seen = ir::reshape(ops::exp(z), {3, 3});
  CHECK(widened(ir::dot(x, seen), 1) == half(ir::dot(up(x), up(ir::reshape(half(ops::exp(up(z))), {3, 3})))));
}

TEST_CASE("what is left in 16 bits by what computes it is rounded for all that read it, as rows of choices say") {
  const Tensor x = input("x", DType::f16, {3, 3}), y = ops::exp(x), wide = ops::exp(up(x));
  const auto with_rows = [&](bool rounds, const Tensor& t) {
    rewrite::ChoiceRow row{.op = &y.node().op(), .choose = {}};
    row.rounds = [=](const rewrite::Choose& c) { return rounds && c.node.type().dtype == DType::f16; };
    rewrite::PassContext context;
    return passes::widen({{}, {t}}, context, {&row, 1}).outputs[0];
  };
  CHECK(with_rows(true, y + x) == half(up(half(wide)) + up(x)));
  CHECK(with_rows(false, y + x) == half(wide + up(x)));
  CHECK(with_rows(true, ops::exp(up(x)) + up(x)) == wide + up(x));
}

TEST_CASE("what an index map moves on to a product is rounded before it; the map stays in float32") {
  const Tensor x = input("x", DType::f16, {3, 4}), y = ops::exp(x), rounded = half(ops::exp(up(x)));
  CHECK(widened(ir::dot(ir::transpose(y), x), 1) == half(ir::dot(ir::transpose(up(rounded)), up(x))));
  CHECK(widened(ir::dot(ir::transpose(x), x), 1) == half(ir::dot(ir::transpose(up(x)), up(x))));
}

TEST_CASE("operands that 16 bits hold are moved in 16 bits and cast last") {
  const Tensor x = input("x", DType::f16, {3, 4}), w = input("w", DType::f32, {6, 2});
  const Tensor padded = ir::pad(up(x), {1, 0}, {6, 5}, {1, 1});
  CHECK(ir::held_in(padded) == DType::f16);
  const Tensor turned = ir::transpose(padded), v = input("v", DType::f32, {6, 2});
  CHECK(with_narrow_operands(ir::dot(turned, v)) == ir::dot(up(half(turned)), v));
  const Tensor viewed = ir::reshape(up(x), {2, 6});
  CHECK(with_narrow_operands(ir::dot(viewed, w)) == ir::dot(up(ir::reshape(x, {2, 6})), w));
  CHECK(with_narrow_operands(ir::dot(w, ir::transpose(w) + 1)) == ir::dot(w, ir::transpose(w) + 1));
}

TEST_CASE("operands that 16 bits do not hold stay in float32") {
  const Tensor x = input("x", DType::f16, {3}), b = input("b", DType::bf16, {3}), w = input("w", DType::f32, {3});
  CHECK(ir::held_in(up(x)) == DType::f16);
  CHECK(ir::held_in(up(b)) == DType::bf16);
  CHECK_FALSE(ir::held_in(ir::neg(up(x))));
  CHECK_FALSE(ir::held_in(w));
  CHECK_FALSE(ir::held_in(ir::zeros(DType::f32, {3})));
  CHECK_FALSE(ir::held_in(ir::concat({up(x), up(b)}, 0)));
  CHECK_FALSE(ir::held_in(ir::cast(x, DType::f64)));
  const auto beside = [&](double number) {
    return ir::concat({up(x), ir::full(ir::Literal::real(number, DType::f32), {2})}, 0);
  };
  CHECK(ir::held_in(beside(0.5)) == DType::f16);
  CHECK_FALSE(ir::held_in(beside(0.1F)));  // which is no float16
}

TEST_CASE("what has no 16-bit floats stays what it is") {
  const Tensor x = input("x", DType::f32), f = ops::exp(x) + x;
  CHECK(widened(f) == f);
}
