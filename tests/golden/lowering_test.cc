// What the compiler makes of a few small graphs, stage by stage: the optimised graph, the kernels, the program.
// BITALE_UPDATE_GOLDEN=1 rewrites the texts.
#include "compiler/driver/compile.h"
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/support/golden.h"

using namespace bitale;
using ir::Dim;
using ir::Tensor;

namespace {

struct Small {
  std::vector<Tensor> inputs, outputs;

  Tensor input(const char* name, DType dtype, ir::Shape shape) {
    ops::register_all();
    inputs.push_back(ir::input(name, {dtype, std::move(shape)}));
    return inputs.back();
  }
};

void check(const std::string& name, const Small& small) {
  lower::FunctionGraph graph;
  graph.name = name;
  graph.inputs = small.inputs;
  graph.outputs = small.outputs;
  const driver::Stages stages = driver::show_stages(graph);
  const std::string text = "== optimised ==\n" + stages.optimised + "\n== kernels ==\n" + stages.kernels +
                           "== program ==\n" + stages.program;
  CHECK(text == tests::golden("lowering/" + name + ".txt", text));
}

}  // namespace

TEST_CASE("lowering of an elementwise chain into a reduction") {
  Small g;
  const Tensor x = g.input("x", DType::f32, {Dim::symbol("n"), 10}), scale = g.input("scale", DType::f32, {10});
  g.outputs = {ir::sum(ops::exp(ir::neg(ir::square(x * scale))), {1})};
  check("chain_and_sum", g);
}

TEST_CASE("lowering of the gradient of softmax and cross-entropy") {
  Small g;
  const Dim n = Dim::symbol("n");
  const Tensor logits = g.input("logits", DType::f32, {n, 10}), labels = g.input("labels", DType::i64, {n});
  const Tensor loss = ops::mean(ops::cross_entropy(logits, labels));
  const Tensor wrt[] = {logits};
  g.outputs = {loss, ad::grad(loss, wrt)[0]};
  check("cross_entropy_gradient", g);
}

TEST_CASE("lowering of the gradient of layer_norm") {
  Small g;
  const Dim n = Dim::symbol("n");
  const Tensor x = g.input("x", DType::f32, {n, 64}), scale = g.input("scale", DType::f32, {64}),
               shift = g.input("shift", DType::f32, {64}), dy = g.input("dy", DType::f32, {n, 64});
  const Tensor ys[] = {ops::layer_norm(x, scale, shift)}, dys[] = {dy}, wrt[] = {x, scale, shift};
  g.outputs = ad::vjp(ys, dys, wrt);
  check("layer_norm_gradient", g);
}

TEST_CASE("lowering of a product with a bias and tanh") {
  Small g;
  const Tensor x = g.input("x", DType::f32, {Dim::symbol("n"), 7}), w = g.input("w", DType::f32, {7, 5}),
               b = g.input("b", DType::f32, {5});
  g.outputs = {ops::tanh(ir::dot(x, w) + b)};
  check("dot_bias_tanh", g);
}

TEST_CASE("lowering of LeNet") {
  Small g;
  const Tensor x = g.input("x", DType::f32, {Dim::symbol("n"), 1, 12, 12}),
               w1 = g.input("w1", DType::f32, {4, 1, 3, 3}), b1 = g.input("b1", DType::f32, {4, 1, 1}),
               w2 = g.input("w2", DType::f32, {6, 4, 2, 2}), b2 = g.input("b2", DType::f32, {6, 1, 1}),
               w3 = g.input("w3", DType::f32, {24, 10}), b3 = g.input("b3", DType::f32, {10});
  const Tensor first = ops::max_pool2d(ops::tanh(ops::conv2d(x, w1) + b1));
  const Tensor second = ops::max_pool2d(ops::tanh(ops::conv2d(first, w2) + b2));
  g.outputs = {ops::log_softmax(ir::dot(ir::reshape(second, {x.dim(0), 24}), w3) + b3)};
  check("lenet", g);
}

TEST_CASE("lowering of a convolution by Winograd's tiles") {
  Small g;
  const Tensor x = g.input("x", DType::f32, {Dim::symbol("n"), 8, 14, 14}), w = g.input("w", DType::f32, {16, 8, 3, 3}),
               b = g.input("b", DType::f32, {16, 1, 1});
  g.outputs = {ops::tanh(ops::conv2d(x, w, {.padding = 1, .algorithm = ops::ConvAlgorithm::winograd}) + b)};
  check("winograd", g);
}

TEST_CASE("lowering of a gather and its gradient, a scatter") {
  Small g;
  const Tensor table = g.input("table", DType::f32, {100, 8}), ids = g.input("ids", DType::i64, {Dim::symbol("n")});
  const Tensor rows = ops::gather(table, ids);
  const Tensor wrt[] = {table};
  g.outputs = {rows, ad::grad(ir::sum(ops::tanh(rows), {0, 1}), wrt)[0]};
  check("gather_and_scatter", g);
}

TEST_CASE("lowering of pooling to few columns: lanes along them, not over channels far apart") {
  Small g;
  const Tensor x = g.input("x", DType::f32, {Dim::symbol("n"), 50, 8, 8}), b = g.input("b", DType::f32, {50, 1, 1});
  g.outputs = {ops::tanh(ops::max_pool2d(x) + b)};
  check("pool_to_few_columns", g);
}
