#include <cmath>
#include <limits>

#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;
using ops::Tensor;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

Tensor matrix(DType dtype, ir::Dim rows, ir::Dim columns) {
  ops::register_all();
  return ir::input("x", {dtype, {rows, columns}}, {"model.cc", 4});
}

std::vector<double> run(const Tensor& y, const Tensor& x, const Array& value) {
  const eval::Binding binding{x, value};
  const Array a = eval::evaluate({&y, 1}, {&binding, 1})[0];
  std::vector<double> out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

Array floats(std::vector<float> values, Extents shape) {
  return Array::of<float>(std::span<const float>(values), std::move(shape));
}

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("axes may be negative, absent, and kept") {
  const Tensor x = matrix(DType::f32, 2, 3);
  const Array v = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(run(ops::sum(x, {-1}), x, v) == Numbers{6, 15});
  CHECK(run(ops::sum(x), x, v) == Numbers{21});
  CHECK(run(ops::mean(x, {0}), x, v) == Numbers{2.5, 3.5, 4.5});
  CHECK(run(ops::min(x, {1}), x, v) == Numbers{1, 4});
  CHECK(run(ops::argmax(x, -1), x, v) == Numbers{2, 2});
  CHECK(ops::max(x, {1}, true).shape() == ir::Shape{2, 1});
  CHECK(ops::sum(x, {0, -1}, true).shape() == ir::Shape{1, 1});
}

TEST_CASE("axes that there are not are errors that name the operand") {
  const Tensor x = matrix(DType::f32, 2, 3);
  CHECK_THROWS_WITH(ops::sum(x, {2}, false, {"model.cc", 9}), contains("sum") && contains("axis 2") &&
                                                                  contains("x (float32[2, 3], made at model.cc:4)") &&
                                                                  contains("model.cc:9"));
  CHECK_THROWS_AS(ops::mean(x, {0, -2}), Error);
  CHECK_THROWS_AS(ops::argmax(x, 5), Error);
  CHECK_THROWS_AS(ops::logsumexp(Tensor()), Error);
}

TEST_CASE("means") {
  const ir::Dim n = ir::Dim::symbol("n");
  const Tensor x = matrix(DType::f32, n, 2);
  CHECK(run(ops::mean(x, {0}), x, floats({1, 2, 3, 4, 5, 9}, {3, 2})) == Numbers{3, 5});
  for (double m : run(ops::mean(x, {0}), x, floats({}, {0, 2}))) CHECK(std::isnan(m));
  const Tensor i = matrix(DType::i8, 1, 2);
  const std::int8_t large[] = {127, 126};
  CHECK(ops::mean(i).dtype() == ir::default_float);
  CHECK(run(ops::mean(i), i, Array::of<std::int8_t>(large, {1, 2})) == Numbers{126.5});
}

TEST_CASE("logsumexp neither overflows nor makes NaN of infinities") {
  const Tensor x = matrix(DType::f32, 4, 2);
  const Array v = floats({1000, 1000, -inf, -inf, inf, 1, -inf, 2}, {4, 2});
  const Tensor y = ops::logsumexp(x, {1});
  const Numbers got = run(y, x, v);
  CHECK(got[0] == Approx(1000 + std::log(2.0)));
  CHECK(got[1] == -inf);
  CHECK(got[2] == inf);
  CHECK(got[3] == 2);
  const Tensor cost = ops::sum(y), dx = ad::grad(cost, {&x, 1})[0];
  for (double d : run(dx, x, v)) CHECK_FALSE(std::isnan(d));
}
