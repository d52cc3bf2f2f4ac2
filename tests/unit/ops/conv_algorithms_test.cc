// Every algorithm of the convolutions, in all three forms, against the references of the convolutions.
#include <algorithm>
#include <cmath>

#include "compiler/driver/compile.h"
#include "compiler/driver/pipeline.h"
#include "compiler/eval/eval.h"
#include "compiler/grad/check.h"
#include "compiler/grad/grad.h"
#include "compiler/ir/graph.h"
#include "compiler/passes/choose_algorithms.h"
#include "compiler/passes/widen.h"
#include "ops/api/ops.h"
#include "ops/conv/algorithm.h"
#include "ops/conv/algorithm_cost.h"
#include "ops/conv/choices.h"
#include "ops/conv/winograd_matrices.h"
#include "runtime/base/error.h"
#include "runtime/device/cpu.h"
#include "tests/support/catch.h"
#include "tests/support/compiled_backend.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using ir::NodePtr;
using tests::contains;

namespace {

constexpr ConvAlgorithm others[] = {ConvAlgorithm::im2col, ConvAlgorithm::direct, ConvAlgorithm::winograd,
                                    ConvAlgorithm::fft};

std::vector<ConvCase> cases() {
  std::vector<ConvCase> all = conv_cases();
  const std::vector<ConvCase> more{
      {"window of 3", 3, 2, {7, 9}, 3, {3, 3}, {}},
      {"window of 3, padded", 2, 3, {5, 6}, 2, {3, 3}, {.padding = 1}},
      {"window of 3, groups, flipped", 2, 4, {9, 4}, 6, {3, 3}, {.padding = {0, 1, 2, 0}, .groups = 2, .flip = true}},
      {"window of 5, padded", 1, 2, {9, 13}, 3, {5, 5}, {.padding = 2, .flip = true}},
      {"window of 5, groups", 2, 6, {6, 5}, 3, {5, 5}, {.groups = 3}},
      {"window of 3 by 5", 1, 1, {6, 11}, 2, {3, 5}, {}},
      {"one tile", 1, 1, {4, 4}, 1, {3, 3}, {}},
      {"larger than the scratch", 3, 40, {30, 31}, 8, {5, 5}, {}},
      {"no images", 0, 2, {6, 6}, 3, {3, 3}, {.padding = 1}},
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// An operand of each side, and the three convolutions of them as nodes.
struct Forms {
  std::vector<Tensor> inputs;  // image, filters, result
  std::vector<Tensor> outputs;
  std::vector<Array> values;

  std::vector<eval::Binding> bindings() const {
    std::vector<eval::Binding> out;
    for (std::size_t i = 0; i < inputs.size(); ++i) out.push_back({inputs[i], values[i]});
    return out;
  }
};

Tensor operand(const char* name, DType dtype, const Extents& shape, bool symbolic) {
  ir::Shape dims(shape.begin(), shape.end());
  if (symbolic) dims[0] = Dim::symbol("n");
  return ir::input(name, {dtype, dims});
}

Forms forms_of(const ConvCase& c, DType dtype, bool symbolic = false) {
  Forms f;
  const Extents shapes[] = {c.image(), c.filters(), c.result()};
  const Tensor x = operand("x", dtype, shapes[0], symbolic), w = operand("w", dtype, shapes[1], false);
  ir::Shape dims(shapes[2].begin(), shapes[2].end());
  dims[0] = x.dim(0);
  const Tensor y = ir::input("y", {dtype, dims});
  f.inputs = {x, w, y};
  const WindowOp op{"conv", c.taps.size(), {}};
  const ir::Shape extents(c.extents.begin(), c.extents.end()), taps(c.taps.begin(), c.taps.end());
  const ConvParams p = conv_params(op, c.options);
  const Tensor padded = pad_image(x, conv_padding(op, p, c.options.padding, extents, taps), {});
  f.outputs = {conv_unpadded(padded, w, p), conv_backward_data(y, w, extents, c.options),
               conv_backward_filters(x, y, taps, c.options)};
  for (std::size_t i = 0; i < 3; ++i) f.values.push_back(tests::random_array(dtype, shapes[i], -1, 1, 7 + i));
  return f;
}

// The outputs with convolutions computed by the algorithm, so many images at a time; empty where it cannot.
std::vector<Tensor> by(ConvAlgorithm algorithm, const std::vector<Tensor>& outputs, std::int64_t block = 0) {
  std::vector<Tensor> out;
  for (const Tensor& t : outputs) {
    bool possible = true;
    const Tensor roots[] = {t};
    const auto replaced = ir::rebuild(roots, [&](const NodePtr& n, const std::vector<Tensor>& inputs) {
      const bool is = std::any_of(conv_choices().begin(), conv_choices().end(),
                                  [&](const auto& row) { return row.op == &n->op(); });
      if (!is) return std::vector<Tensor>{};
      ConvCall call = conv_call(*ir::with_inputs(n, inputs, n->params()));
      call.block = block;
      possible = possible && why_not(call, algorithm).empty();
      return possible ? std::vector<Tensor>{compute(call, algorithm)} : std::vector<Tensor>{};
    });
    out.push_back(possible ? replaced[0] : Tensor());
  }
  return out;
}

// Largest difference as a share of the root mean square of what is expected; what the algorithms differ in is rounding.
double error_of(const Array& got, const Array& expected) {
  REQUIRE(got.shape() == expected.shape());
  double worst = 0, squares = 0;
  for (std::int64_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::fabs(got.at(i) - expected.at(i)));
    squares += expected.at(i) * expected.at(i);
  }
  if (got.size() == 0 || squares == 0) return worst;
  return worst / std::sqrt(squares / static_cast<double>(got.size()));
}

double tolerance(DType dtype) { return dtype == DType::f32 ? 1e-4 : 2e-13; }

std::string text(const ConvCase& c, ConvAlgorithm a, DType dtype, std::size_t form) {
  return c.name + ", " + to_string(a) + ", " + std::string(name_of(dtype)) + ", form " + std::to_string(form);
}

}  // namespace

TEST_CASE("Winograd's matrices filter exactly") {
  for (std::int64_t outputs = 1; outputs <= 6; ++outputs)
    for (std::int64_t taps = 1; outputs + taps - 1 <= 8; ++taps) {
      if (outputs + taps < 3) continue;
      const WinogradMatrices m = winograd_matrices(outputs, taps);
      for (std::int64_t d = 0; d < outputs + taps - 1; ++d)
        for (std::int64_t g = 0; g < taps; ++g)
          for (std::int64_t i = 0; i < outputs; ++i) {
            double y = 0;  // of the signal that is 1 at d and the filter that is 1 at g
            for (std::int64_t p = 0; p < outputs + taps - 1; ++p)
              y += m.output.at(i, p) * m.filter.at(p, g) * m.input.at(p, d);
            INFO(outputs << " outputs, " << taps << " taps, " << d << " " << g << " " << i);
            CHECK(std::fabs(y - (i + g == d ? 1 : 0)) < 1e-13);
          }
    }
}

TEST_CASE("algorithms compute what the convolutions are, interpreted") {
  int computed = 0;
  for (const ConvCase& c : cases()) {
    if (c.name == "larger than the scratch") continue;  // the interpreter takes its time
    const Forms f = forms_of(c, DType::f64);
    const auto expected = eval::evaluate(f.outputs, f.bindings());
    for (const ConvAlgorithm a : others) {
      const std::vector<Tensor> got = by(a, f.outputs);
      for (std::size_t i = 0; i < got.size(); ++i) {
        if (!got[i]) continue;
        INFO(text(c, a, DType::f64, i));
        CHECK(got[i].type() == f.outputs[i].type());
        const Tensor roots[] = {got[i]};
        CHECK(error_of(eval::evaluate(roots, f.bindings(), false)[0], expected[i]) < tolerance(DType::f64));
        ++computed;
      }
    }
  }
  CHECK(computed > 150);
}

TEST_CASE("algorithms compute what the convolutions are, compiled") {
  const tests::Backend backend = tests::compiled(to_string(executable_isas().back()), 2, 2);
  for (const ConvCase& c : cases())
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Forms f = forms_of(c, dtype, true);
      const Forms wide = forms_of(c, DType::f64, true);
      std::vector<Array> expected = backend.run(wide.outputs, [&] {
        std::vector<eval::Binding> b = wide.bindings();
        for (std::size_t i = 0; i < b.size(); ++i) b[i].value = f.values[i].cast(DType::f64);
        return b;
      }());
      for (const ConvAlgorithm a : others) {
        const std::vector<Tensor> got = by(a, f.outputs);
        std::vector<Tensor> outputs;
        std::vector<std::size_t> forms;
        for (std::size_t i = 0; i < got.size(); ++i)
          if (got[i]) outputs.push_back(got[i]), forms.push_back(i);
        if (outputs.empty()) continue;
        const auto values = backend.run(outputs, f.bindings());
        for (std::size_t i = 0; i < values.size(); ++i) {
          INFO(text(c, a, dtype, forms[i]));
          CHECK(error_of(values[i].cast(DType::f64), expected[forms[i]]) < tolerance(dtype));
        }
      }
    }
}

// Of 5 images, blocks of 2 and 3 end with one that shares images with the one before; a block of 7 is that of all, and
// nothing is left of a block where there are no images.
TEST_CASE("Winograd and FFT compute the same in blocks of images") {
  const std::string isa = to_string(executable_isas().back());
  const tests::Backend alone = tests::compiled(isa, 2, 1), shared = tests::compiled(isa, 2, 3);
  for (const std::int64_t images : {0, 1, 5, 6})
    for (const ConvCase& c : {ConvCase{"3", images, 3, {7, 9}, 4, {3, 3}, {.padding = 1}},
                              ConvCase{"groups", images, 4, {9, 6}, 6, {5, 3}, {.groups = 2, .flip = true}}}) {
      const Forms f = forms_of(c, DType::f64), symbolic = forms_of(c, DType::f64, true);
      const auto expected = eval::evaluate(f.outputs, f.bindings());
      for (const ConvAlgorithm algorithm : {ConvAlgorithm::winograd, ConvAlgorithm::fft})
        for (const std::int64_t block : {1, 2, 3, 7})
          for (const Forms* forms : {&f, &symbolic}) {
            const std::vector<Tensor> got = by(algorithm, forms->outputs, block);
            const auto check = [&](const std::vector<Array>& values) {
              for (std::size_t i = 0; i < values.size(); ++i) {
                INFO(text(c, algorithm, DType::f64, i) << ", " << images << " images by " << block);
                CHECK(error_of(values[i], expected[i]) < tolerance(DType::f64));
              }
            };
            check(eval::evaluate(got, forms->bindings(), false));
            check(alone.run(got, forms->bindings()));
            check(shared.run(got, forms->bindings()));
          }
    }
}

// The gradient in a padded image, of which the margins are cut off, as the pass leaves it for a function that asks for
// the algorithm.
TEST_CASE("of an image that is computed, algorithms leave out what is cut off") {
  const auto chosen = [](ConvAlgorithm algorithm, const std::vector<Tensor>& outputs) {
    rewrite::PassContext context;
    context.algorithms["conv"] = to_string(algorithm);
    return passes::choose_algorithms({{}, outputs}, context, conv_choices()).outputs;
  };
  const auto has = [](const std::vector<Tensor>& outputs, const std::string& op) {
    const std::vector<NodePtr> nodes = ir::topological(outputs);
    return std::any_of(nodes.begin(), nodes.end(), [&](const NodePtr& n) { return n->op().name == op; });
  };
  for (const ConvCase& c :
       {ConvCase{"3", 3, 3, {7, 9}, 4, {3, 3}, {.padding = 1}}, ConvCase{"5", 2, 2, {9, 8}, 3, {5, 5}, {.padding = 2}},
        ConvCase{"uneven", 2, 2, {9, 8}, 3, {3, 5}, {.padding = {1, 3}}},
        ConvCase{"groups", 2, 4, {9, 6}, 6, {3, 5}, {.padding = {1, 2}, .groups = 2, .flip = true}}}) {
    const Forms f = forms_of(c, DType::f64);
    const std::vector<Tensor> image{f.outputs[1]};
    REQUIRE(image[0].node().op().name == "slice");
    const auto expected = eval::evaluate(image, f.bindings());
    for (const ConvAlgorithm a : {ConvAlgorithm::automatic, ConvAlgorithm::implicit_gemm, ConvAlgorithm::im2col,
                                  ConvAlgorithm::direct, ConvAlgorithm::winograd, ConvAlgorithm::fft}) {
      INFO(text(c, a, DType::f64, 1));
      const std::vector<Tensor> got = chosen(a, image);
      CHECK(got[0].type() == image[0].type());
      CHECK(error_of(eval::evaluate(got, f.bindings(), false)[0], expected[0]) < tolerance(DType::f64));
      CHECK_FALSE(has(got, "conv_backward_data"));
    }
    // What others read, too, is computed as a whole.
    CHECK(has(chosen(ConvAlgorithm::implicit_gemm, {image[0], image[0].node().input(0)}), "conv_backward_data"));
  }
}

TEST_CASE("cuDNN reads 16 bits as they are and leaves them, in all forms and their derivatives") {
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const ConvCase& c : cases()) {
      if (c.taps.size() != 2) continue;
      const Forms f = forms_of(c, dtype);
      rewrite::PassContext context;
      context.algorithms["conv"] = "cudnn";
      const ir::Graph wide = passes::widen({f.inputs, f.outputs}, context, conv_choices());
      const std::vector<Tensor> got = passes::choose_algorithms(wide, context, conv_choices()).outputs;
      int found = 0;
      for (const NodePtr& n : ir::topological(got)) {
        if (n->op().name != "conv_cudnn") continue;
        ++found;
        CHECK(n->type().dtype == dtype);
        for (const Tensor& t : n->inputs()) CHECK(t.dtype() == dtype);
        // As a node it has the derivatives of the convolution that it computes.
        const Tensor y(n, 0);
        const std::vector<Tensor> dxs = ad::vjp(std::vector{y}, std::vector{y}, n->inputs());
        for (std::size_t i = 0; i < 2; ++i) CHECK(dxs[i].type() == n->input(static_cast<int>(i)).type());
      }
      CHECK(found == 3);
      const auto expected = eval::evaluate(f.outputs, f.bindings()), values = eval::evaluate(got, f.bindings());
      for (std::size_t i = 0; i < 3; ++i) {
        INFO(text(c, ConvAlgorithm::cudnn, dtype, i));
        CHECK(tests::difference(values[i], expected[i], 1) == "");
      }
    }
}

TEST_CASE("what is cut off and much larger than the cotangent stays with the gradient") {
  const Tensor w = ir::input("w", {DType::f64, {4, 3, 5, 5}}), y = ir::input("y", {DType::f64, {2, 4, 6, 6}});
  const Tensor image = conv_backward_data(y, w, {8, 8}, {.padding = 1});
  rewrite::PassContext context;
  const std::vector<Tensor> got = passes::choose_algorithms({{}, {image}}, context, conv_choices()).outputs;
  CHECK(got[0].node().op().name == "slice");
  CHECK(got[0].node().input(0).node().op().name == "conv_backward_data");
}

TEST_CASE("what algorithms cannot compute, and why") {
  const auto reasons = [](const ConvCase& c) {
    std::string all;
    const Forms f = forms_of(c, DType::f32);
    for (const ConvAlgorithm a : others) all += why_not(conv_call(f.outputs[0].node()), a) + "|";
    return all;
  };
  CHECK(reasons({"", 1, 1, {9, 9}, 1, {3, 3}, {}}) == "||||");
  CHECK(reasons({"", 1, 1, {9, 9}, 1, {3, 4}, {}}) == "||it is for windows of 3 or 5 elements along each axis||");
  CHECK(reasons({"", 1, 1, {9, 9}, 1, {3, 3}, {.stride = {2}}}) ==
        "||it is for strides and dilations of 1|it is for strides and dilations of 1|");
  CHECK(reasons({"", 1, 1, {9, 9}, 1, {3, 3}, {.dilation = {1, 2}}}) ==
        "||it is for strides and dilations of 1|it is for strides and dilations of 1|");
  CHECK(reasons({"", 1, 1, {9}, 1, {3}, {}}) ==
        "it is for two spatial axes||it is for two spatial axes|it is for two spatial axes|");
}

TEST_CASE("an algorithm that cannot compute what it is asked for is an Error") {
  const Tensor x = ir::input("x", {DType::f32, {1, 2, 9, 9}}), w = ir::input("w", {DType::f32, {4, 2, 3, 3}});
  CHECK_THROWS_WITH(conv2d(x, w, {.stride = {2}, .algorithm = ConvAlgorithm::fft}),
                    contains("conv2d: the algorithm 'fft' cannot compute this: it is for strides and dilations of 1 "
                             "(images [1, 2, 9, 9], filters [4, 2, 3, 3])"));
  CHECK_THROWS_WITH(
      conv_transpose2d(x, ir::input("w", {DType::f32, {2, 2, 7, 7}}), {.algorithm = ConvAlgorithm::winograd}),
      contains("it is for windows of 3 or 5 elements"));
  ConvParams p;
  p.algorithm = "strassen";
  CHECK_THROWS_WITH(conv_unpadded(x, w, p), contains("there is no algorithm 'strassen'; there are: automatic, "));
}

TEST_CASE("gradients have the algorithm of what they are gradients of") {
  const Tensor x = ir::input("x", {DType::f64, {2, 2, 9, 9}}), w = ir::input("w", {DType::f64, {4, 2, 3, 3}});
  for (const ConvAlgorithm a : others) {
    const Tensor y = conv2d(x, w, {.padding = 1, .algorithm = a});
    const Tensor wrt[] = {x, w};
    const std::vector<Tensor> gradients = ad::grad(ir::sum(ir::square(y), {0, 1, 2, 3}), wrt);
    int found = 0;
    for (const NodePtr& n : ir::topological(gradients))
      if (n->op().name.starts_with("conv")) {
        CHECK(n->params_as<ConvParams>().algorithm == to_string(a));
        ++found;
      }
    CHECK(found == 3);
  }
}

TEST_CASE("gradients through algorithms agree with finite differences") {
  const tests::Backend backend = tests::compiled(to_string(executable_isas().back()), 2, 2);
  const auto run = [&](std::span<const Tensor> outputs, const ad::Bindings& leaves) {
    std::vector<eval::Binding> bindings;
    for (const auto& [tensor, value] : leaves) bindings.push_back({tensor, value});
    return backend.run(outputs, bindings);
  };
  for (const ConvAlgorithm a : others) {
    const Tensor x = ir::input("x", {DType::f64, {2, 4, 6, 7}}), w = ir::input("w", {DType::f64, {6, 2, 3, 3}});
    const ad::Bindings leaves{{x, tests::random_array(DType::f64, {2, 4, 6, 7}, -1, 1, 1)},
                              {w, tests::random_array(DType::f64, {6, 2, 3, 3}, -1, 1, 2)}};
    const std::vector<Tensor> outputs{conv2d(x, w, {.padding = 1, .groups = 2, .algorithm = a})};
    const std::vector<Tensor> wrt{x, w};
    const ad::CheckResult result = ad::check_gradient(outputs, wrt, leaves, run);
    INFO(to_string(a) << ": " << result.where);
    CHECK(result.worst < 1e-7);
  }
}

namespace {

// What the compile report says of the convolutions of a graph.
std::vector<std::string> chosen(const Tensor& output, const std::vector<Tensor>& inputs, const std::string& wish) {
  ops::register_all();
  lower::FunctionGraph g;
  g.name = "chosen";
  g.inputs = inputs;
  g.outputs = {output};
  driver::CompileOptions options;
  options.use_cache = false;
  if (!wish.empty()) options.algorithms["conv"] = wish;
  return driver::compile(g, options).report.chosen;
}

}  // namespace

TEST_CASE("a function's wish is for the convolutions that name no algorithm, and is not for what it cannot be") {
  const Tensor x = ir::input("x", {DType::f32, {1, 2, 9, 9}}), w = ir::input("w", {DType::f32, {2, 2, 3, 3}});
  const Tensor two = conv2d(conv2d(x, w, {.stride = {2}}), w, {.algorithm = ConvAlgorithm::direct});
  const auto lines = chosen(two, {x, w}, "fft");
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], contains("conv [1, 2, 9, 9] * [2, 2, 3, 3]: implicit_gemm (the algorithm 'fft' cannot compute "
                                "this: it is for strides and dilations of 1; "));
  CHECK(lines[1] == "conv [1, 2, 4, 4] * [2, 2, 3, 3]: direct");
  CHECK(chosen(conv2d(x, w), {x, w}, "winograd") ==
        std::vector<std::string>{"conv [1, 2, 9, 9] * [2, 2, 3, 3]: winograd"});
  CHECK_THROWS_WITH(chosen(conv2d(x, w), {x, w}, "strassen"), contains("there is no algorithm 'strassen'"));
}

// Layers of the study, with the batches that were measured (docs/convolutions.md): channels that fill lanes, and not.
TEST_CASE("automatic takes Winograd for AlexNet's inner layers and not for LeNet's") {
  struct Layer {
    std::int64_t images, channels, extent, filters, taps;
    ConvAlgorithm expected;
  };
  for (const Layer& l : {Layer{32, 48, 31, 128, 5, ConvAlgorithm::winograd},
                         {32, 256, 15, 384, 3, ConvAlgorithm::winograd},
                         {32, 192, 15, 192, 3, ConvAlgorithm::winograd},
                         {32, 192, 15, 128, 3, ConvAlgorithm::winograd},
                         {64, 1, 28, 20, 5, ConvAlgorithm::implicit_gemm},
                         {64, 20, 12, 50, 5, ConvAlgorithm::implicit_gemm}}) {
    const Tensor x = ir::input("x", {DType::f32, {l.images, l.channels, l.extent, l.extent}}),
                 w = ir::input("w", {DType::f32, {l.filters, l.channels, l.taps, l.taps}});
    const Estimate best = cheapest(conv_call(conv2d(x, w).node()));
    INFO(l.channels << " channels, " << l.filters << " filters: " << best.text);
    CHECK(best.algorithm == l.expected);
  }
}
