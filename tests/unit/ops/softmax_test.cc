#include "ops/nn/softmax.h"

#include <limits>

#include "compiler/grad/grad.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

const std::vector<const ir::OpDef*> softmaxes{&softmax_op, &log_softmax_op};

Array doubles(std::vector<double> v, Extents shape) { return Array::of<double>(v, std::move(shape)); }

}  // namespace

TEST_CASE("softmax: bodies agree with references") {
  for (const auto* op : softmaxes) tests::check_value(*op);
}

TEST_CASE("softmax: derivatives agree with differences") {
  for (const auto* op : softmaxes) tests::check_derivatives(*op);
}

TEST_CASE("softmax: batching agrees with a loop") {
  for (const auto* op : softmaxes) tests::check_batching(*op);
}

TEST_CASE("softmax neither overflows nor loses small logarithms") {
  const double inf = std::numeric_limits<double>::infinity();
  const Array in[] = {doubles({1000, 0, -1000, -inf}, {1, 4})};
  for (const bool reference : {false, true}) {
    const auto out = tests::run([](std::span<const Tensor> t) { return std::vector{softmax(t[0]), log_softmax(t[0])}; },
                                in, reference);
    tests::check_close(out[0], doubles({1, 0, 0, 0}, {1, 4}), 1e-15);
    tests::check_close(out[1], doubles({0, -1000, -2000, -inf}, {1, 4}), 1e-15);
  }
}

TEST_CASE("the gradient of cross_entropy is softmax - one_hot") {
  ir::Sample s{
      "", {{{4, 3}, -3, 3}, {.shape = {4}, .low = 0, .high = 2, .dtype = DType::u8, .differentiable = false}}, {}};
  const std::vector<Array> in = tests::draw(s, DType::f64);
  const auto out = tests::run(
      [](std::span<const Tensor> t) {
        const Tensor wrt[] = {t[0]};
        const Tensor loss = ir::sum(cross_entropy(t[0], t[1]), {0});
        return std::vector{ad::grad(loss, wrt)[0], softmax(t[0]) - one_hot(t[1], 3, DType::f64)};
      },
      in);
  tests::check_close(out[0], out[1], 1e-14);
}

TEST_CASE("softmax rejects what does not fit") {
  CHECK_THROWS_WITH(softmax(ir::input("x", {DType::i32, {3}})), contains("float"));
  CHECK_THROWS_WITH(log_softmax(ir::input("x", {DType::f32, {3}}), 1), contains("axis 1"));
  CHECK_THROWS_WITH(softmax(ir::input("x", {DType::f32, {}})), contains("axis"));
  CHECK_THROWS_WITH(cross_entropy(ir::input("x", {DType::f32, {3, 2}}), ir::input("y", {DType::f32, {3}})),
                    contains("integer"));
}
