// What is laid out as library calls see it: here factors of matrices that are given transposed.
#include "compiler/lower/order.h"

#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;

namespace {

struct Example {
  Tensor x;
  Tensor a;       // what a kernel computes,
  Tensor factor;  // and the call that sees it transposed
};
Example example() {
  ops::register_all();
  const Tensor x = ir::input("x", {DType::f64, {2, 3, 3}});
  const Tensor diagonal =
      ir::cast(ir::equal(ir::iota(DType::i64, {2, 3, 3}, 1), ir::iota(DType::i64, {2, 3, 3}, 2)), DType::f64);
  const Tensor a = ops::tanh(x) + diagonal * 4.0;
  return {x, a, ops::cholesky(ir::transpose(a, {0, 2, 1}))};
}

std::size_t stored(const std::vector<Tensor>& outputs) {
  std::size_t n = 0;
  ir::for_each_node(outputs, [&](const ir::NodePtr& node) { n += node->op().name == "in_memory"; });
  return n;
}

// The values stay what they are, up to the order of sums.
void check_values(const Tensor& x, const std::vector<Tensor>& outputs) {
  const std::vector<Tensor> ordered = lower::in_order_of_calls(outputs);
  const eval::Binding bindings[] = {{x, random_array(DType::f64, {2, 3, 3}, -1, 1, 1)}};
  const auto got = eval::evaluate(ordered, bindings), want = eval::evaluate(outputs, bindings);
  for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(difference(got[i], want[i], 10) == "");
}

}  // namespace

TEST_CASE("what a call sees transposed is stored so, and what reads it reads that") {
  const Example e = example();
  const std::vector<Tensor> outputs{e.factor, ir::sum(ir::square(e.a), {0, 1, 2})};
  const std::vector<Tensor> ordered = lower::in_order_of_calls(outputs);
  CHECK(stored(ordered) == 1);
  CHECK(ordered[0].node().input(0).node().op().name == "in_memory");  // no transpose between it and the call
  check_values(e.x, outputs);
}

TEST_CASE("kernels that go along with what calls give are stored in its order") {
  const Example e = example();
  const Tensor y = ops::erf(ir::transpose(e.factor, {0, 2, 1}) * 2.0);  // costs too much to be computed twice
  const Tensor z = ops::cholesky(ir::transpose(ir::square(y) + e.a, {0, 2, 1}));
  const std::vector<Tensor> outputs{z, ir::sum(ops::erf(y), {1}), ir::sum(ops::tanh(y), {2})};
  CHECK(stored(lower::in_order_of_calls(outputs)) >= 2);
  check_values(e.x, outputs);
}

TEST_CASE("sums of what lies with the axis first that is summed are taken axis by axis") {
  const Example e = example();
  const std::vector<Tensor> outputs{e.factor, ir::sum(e.a, {0, 2}), ir::sum(e.a, {0, 1}), ir::sum(e.a, {2})};
  // The sum over axis 1, which is innermost then, stays; that over one axis too.
  CHECK(stored(lower::in_order_of_calls(outputs)) == 2);
  check_values(e.x, outputs);
}

TEST_CASE("what leaves the function stays in its own order, and so does what has to be a matrix") {
  const Example e = example();
  for (const std::vector<Tensor>& outputs :
       {std::vector{e.factor, e.a}, {e.factor, ir::dot(ir::reshape(e.a, {6, 3}), ir::reshape(e.x, {3, 6}))}}) {
    CHECK(lower::in_order_of_calls(outputs) == outputs);
    check_values(e.x, outputs);
  }
  const std::vector<Tensor> without{ops::tanh(ir::transpose(e.a, {0, 2, 1}))};
  CHECK(lower::in_order_of_calls(without) == without);
}
