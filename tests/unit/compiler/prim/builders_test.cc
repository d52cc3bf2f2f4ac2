#include "compiler/prim/prim.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::ir;
using bitale::tests::contains;

namespace {

Tensor made(const std::string& name, DType dtype, Shape shape, unsigned line) {
  return input(name, {dtype, std::move(shape)}, {"model.cc", line});
}

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

const Dim batch = Dim::symbol("batch");

}  // namespace

TEST_CASE("dot of unfitting operands names both, their dims and lines") {
  const Tensor x = made("x", DType::f32, {batch, 784}, 12), w = made("w", DType::f32, {800, 500}, 15);
  const std::string text = message([&] { dot(x, w, {"model.cc", 20}); });
  for (const char* part : {"dot", "x (float32[batch, 784], made at model.cc:12)",
                           "w (float32[800, 500], made at model.cc:15)", "784", "800", "model.cc:20"})
    CHECK_THAT(text, contains(part));
}

TEST_CASE("elementwise operands that do not broadcast are named") {
  const Tensor a = made("a", DType::f32, {3, 4}, 1), b = made("b", DType::f32, {3, 5}, 2);
  const std::string text = message([&] { add(a, b, {"model.cc", 3}); });
  for (const char* part : {"add", "a (float32[3, 4], made at model.cc:1)", "b (float32[3, 5], made at model.cc:2)",
                           "4 and 5", "model.cc:3"})
    CHECK_THAT(text, contains(part));
}

TEST_CASE("an empty Tensor is an error, not a crash") {
  const Tensor x = made("x", DType::f32, {3}, 1);
  CHECK_THROWS_WITH(add(x, Tensor(), {"model.cc", 4}),
                    contains("add: an operand is an empty Tensor") && contains("model.cc:4"));
  CHECK_THROWS_AS(cast(Tensor(), DType::f32), Error);
  CHECK_THROWS_AS(sum(Tensor(), {}), Error);
  CHECK_THROWS_AS(dot(x, Tensor()), Error);
  CHECK_THROWS_AS(where(Tensor(), x, x), Error);
  CHECK_THROWS_AS(concat({x, Tensor()}, 0), Error);
  CHECK_THROWS_AS(reshape(Tensor(), {3}), Error);
  CHECK_THROWS_AS(transpose(Tensor()), Error);
  CHECK_THROWS_AS(expand_dims(Tensor(), 0), Error);
}

TEST_CASE("operands of an elementwise op are promoted and broadcast") {
  const Tensor row = made("row", DType::i32, {4}, 1), column = made("column", DType::f64, {batch, 1}, 2);
  const Tensor y = row * column;
  CHECK(y.type() == TensorType{DType::f64, {batch, 4}});
  for (const Tensor& operand : y.node().inputs()) CHECK(operand.type() == y.type());
  CHECK(div(row, row).dtype() == default_float);
  const Tensor mask = less(row, 0);
  CHECK(mask.dtype() == DType::bool_);
  CHECK(add(mask, mask).dtype() == DType::i64);
  CHECK(sum(mask, {0}).dtype() == DType::i64);
  CHECK(sum(row, {0}).dtype() == DType::i64);
  CHECK(where(mask, 1, 0).dtype() == DType::i64);
  CHECK(where(mask, 1, 0.5).dtype() == default_float);
}

TEST_CASE("numbers take the tensor's dtype") {
  const Tensor small = made("small", DType::i8, {4}, 1), wide = made("wide", DType::f64, {4}, 2),
               single = made("single", DType::f32, {4}, 3);
  CHECK((small + 100).dtype() == DType::i8);
  CHECK((small + 0.5).dtype() == DType::f32);
  CHECK((wide + 0.5).dtype() == DType::f64);
  CHECK((single + 1).dtype() == DType::f32);
  CHECK((single * true).dtype() == DType::f32);
  const std::string text = message([&] { add(small, 300, {"model.cc", 9}); });
  for (const char* part : {"add", "300", "int8", "small (int8[4], made at model.cc:1)", "model.cc:9"})
    CHECK_THAT(text, contains(part));
  CHECK_THROWS_AS(add(single, 1e300), Error);
  CHECK_THROWS_AS(less(made("u", DType::u8, {4}, 1), -1), Error);
}

TEST_CASE("two symbols that meet are unified and checked later") {
  const Dim n = Dim::symbol("n");
  const Tensor a = made("a", DType::f32, {n}, 1), b = made("b", DType::f32, {batch}, 2),
               c = made("c", DType::f32, {7}, 3);
  const Tensor y = a + b;
  REQUIRE(y.node().equalities().size() == 1);
  CHECK(y.shape() == Shape{n});
  CHECK((a + c).shape() == Shape{Dim(7)});
  CHECK_THROWS_AS(broadcast_to(c, {8}), Error);
}

TEST_CASE("builders that change nothing give their operand") {
  const Tensor x = made("x", DType::f32, {batch, 3}, 1);
  CHECK(cast(x, DType::f32) == x);
  CHECK(transpose(x, {0, 1}) == x);
  CHECK(reshape(x, {batch, 3}) == x);
  CHECK(broadcast_to(x, {batch, 3}) == x);
  CHECK(sum(x, {}) == x);
  CHECK(slice(x, {0, 0}, {batch, 3}, {1, 1}) == x);
  CHECK(pad(x, {0, 0}, {batch, 3}, {1, 1}) == x);
  CHECK(concat({x}, 1) == x);
  CHECK(sum_to(broadcast_to(x, {5, batch, 3}), x.shape()).type() == x.type());
}

TEST_CASE("bad shapes and axes are errors") {
  const Tensor x = made("x", DType::f32, {2, 3}, 1);
  CHECK_THROWS_AS(reshape(x, {4}), Error);
  CHECK_THROWS_AS(transpose(x, {0, 0}), Error);
  CHECK_THROWS_AS(transpose(x, {0}), Error);
  CHECK_THROWS_AS(sum(x, {2}), Error);
  CHECK_THROWS_AS(sum(x, {1, 0}), Error);
  CHECK_THROWS_AS(flip(x, {-1}), Error);
  CHECK_THROWS_AS(slice(x, {0, 0}, {3, 3}, {1, 1}), Error);
  CHECK_THROWS_AS(slice(x, {0, 0}, {2, 3}, {1, 0}), Error);
  CHECK_THROWS_AS(pad(x, {1, 0}, {2, 3}, {1, 1}), Error);
  CHECK_THROWS_AS(concat({x, made("y", DType::f32, {2, 4}, 2)}, 0), Error);
  CHECK_THROWS_AS(iota(DType::i64, {3}, 1), Error);
  CHECK_THROWS_AS(dot_general(x, x, {{0}, {0}, {0}, {0}}), Error);
}

TEST_CASE("the value of a splat is seen through broadcast, reshape and cast") {
  const Tensor two = full(Literal::real(2.5, DType::f64), {});
  CHECK(splat_value(reshape(broadcast_to(two, {2, 3}), {6}))->as_double() == 2.5);
  const auto whole = splat_value(cast(two, DType::i32));
  REQUIRE(whole);
  CHECK(whole->dtype == DType::i32);
  CHECK(whole->as_integer() == 2);
  CHECK_FALSE(splat_value(made("x", DType::f32, {3}, 1)).has_value());
}
