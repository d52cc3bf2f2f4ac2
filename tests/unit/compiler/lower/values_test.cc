// Graphs that fusion and scheduling easily get wrong, compiled and run on every backend.
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;

namespace {

Tensor x(DType dtype, ir::Shape shape) {
  ops::register_all();
  return ir::input("x", {dtype, std::move(shape)});
}

// `out` as a function of `in`, with random values of the shape.
void check(const Tensor& in, const Tensor& out, const Extents& shape) {
  const Tensor outputs[] = {out};
  const eval::Binding bindings[] = {{in, random_array(in.dtype(), shape, -2, 2, 1)}};
  const Array expected = eval::evaluate(outputs, bindings)[0];
  for (const Backend& backend : backends()) {
    INFO(backend.name);
    CHECK(difference(backend.run(outputs, bindings)[0], expected) == "");
  }
}

}  // namespace

TEST_CASE("a reduction over several axes, one of them of extent 1") {
  const Tensor in = x(DType::f32, {16});
  const Tensor block = ir::reshape(ir::slice(in, {4}, {4}, {1}), {2, 1, 2, 1});
  check(in, ops::logsumexp(block, {1, 2, 3}), {16});
}

TEST_CASE("a reduction that no loop of extent above 1 encloses") {
  const Tensor in = x(DType::f32, {});
  const Tensor block = ir::broadcast_to(in, {2, 1, 1, 2});
  check(in, ops::average_pool2d(block, {.window = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 0, 1}}), {});
}
