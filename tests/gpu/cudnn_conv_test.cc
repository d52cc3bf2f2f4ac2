// The algorithm cudnn on the stand-ins for NVIDIA's driver library and cuDNN (tests/cuda_stub): what it computes, in
// which layout and with whose padding, when calls are recorded, which plan they run, and what it says where it cannot
// be had.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <bitale/bitale.h>

#include "compiler/codegen/cuda/nvrtc.h"
#include "models/zoo/models.h"
#include "runtime/base/flags.h"
#include "runtime/device/cudnn/backend.h"
#include "tests/gpu/stub.h"
#include "tests/support/arrays.h"
#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/support/message_of.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::Stub;

namespace {

// Otherwise the test says so, and ends: which libraries a process has opened stays so.
bool is_opened() {
  if (cudnn::Library::installed().path().starts_with(BITALE_CUDA_STUB)) return true;
  std::printf("[SKIP] NVIDIA's cuDNN was opened before its stand-in\n");
  return false;
}

class Plans {  // the flag, for a scope
 public:
  explicit Plans(const std::string& value) : before_(std::exchange(flags().cudnn_plans, value)) {}
  ~Plans() { flags().cudnn_plans = before_; }

 private:
  const std::string before_;
};

class Setting {  // of a stand-in, for a scope
 public:
  Setting(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Setting() { unsetenv(name_); }

 private:
  const char* const name_;
};

std::size_t runs(const Stub& stub) { return stub.count("cudnnBackendExecute"); }

// In a line of what is run.
std::string text_of(DType dtype) {
  return dtype == float16 ? " f16 " : dtype == bfloat16 ? " bf16 " : dtype == float64 ? " f64 " : " f32 ";
}

Array numbers(DType dtype, const Extents& shape, double step) {
  Array a = Array::zeros(float64, shape);
  auto values = a.view<double>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(step * static_cast<double>(i) + 1);
  return a.cast(dtype);
}

struct Layer {
  Extents image, filters;
  Conv options;
};

const Layer layers[] = {
    {{2, 3, 6, 5}, {4, 3, 3, 2}, {}},
    {{2, 4, 7, 5}, {6, 2, 3, 3}, {.stride = {2, 1}, .groups = 2}},
    {{1, 2, 7, 9}, {3, 2, 3, 3}, {.dilation = {2, 3}, .flip = true}},
    {{2, 3, 5, 7}, {2, 3, 3, 3}, {.padding = 1}},
    {{1, 4, 5, 6}, {4, 2, 2, 3}, {.stride = {2, 3}, .padding = {1, 0, 0, 2}, .groups = 2}},
    {{1, 2, 6, 5}, {3, 2, 3, 2}, {.dilation = {1, 2}, .padding = {0, 2, 1, 0}, .flip = true}},
    {{2, 1, 8, 8}, {5, 1, 3, 3}, {.stride = {3, 2}, .padding = 1}},  // windows that do not reach the end
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{0, 2, 4, 4}, {3, 2, 3, 3}, {.padding = 1}},  // no images: filters' gradients are zero
};

// One form of a layer, from the other two sides.
Function form_of(const Layer& l, DType dtype, int form, const FunctionOptions& options) {
  const auto shape = [](const Extents& e) { return Shape(e.begin(), e.end()); };
  const Tensor x = input("x", dtype, shape(l.image)), w = input("w", dtype, shape(l.filters));
  const Tensor y = conv2d(x, w, l.options);
  if (form == 0) return function({x, w}, {y}, options);
  const Tensor dy = input("dy", dtype, y.shape());
  return function({form == 1 ? w : x, dy}, vjp({y}, {dy}, {form == 1 ? x : w}), options);
}

std::vector<Argument> arguments_of(const Layer& l, DType dtype, int form, int call) {
  const auto positions = [&](std::size_t k) {
    const auto option = [&](const std::vector<std::int64_t>& o) { return o.empty() ? 1 : o.size() == 1 ? o[0] : o[k]; };
    const std::vector<std::int64_t>& p = l.options.padding.values;
    const std::int64_t padding = p.empty() ? 0 : p.size() == 1 ? 2 * p[0] : p[2 * k] + p[2 * k + 1];
    return (l.image[2 + k] + padding - (l.filters[2 + k] - 1) * option(l.options.dilation) - 1) /
               option(l.options.stride) +
           1;
  };
  const Extents result{l.image[0], l.filters[0], positions(0), positions(1)};
  const Array image = numbers(dtype, l.image, 0.7 + call), filters = numbers(dtype, l.filters, 1.1);
  return {form == 1 ? filters : image, form == 0 ? filters : numbers(dtype, result, 0.3 + call)};
}

void check_close(const Array& got, const Array& expected, double tolerance) {
  REQUIRE(got.shape() == expected.shape());
  for (std::int64_t i = 0; i < got.size(); ++i) REQUIRE(std::fabs(got.at(i) - expected.at(i)) <= tolerance);
}

std::string steps(const Function& f, const std::vector<Argument>& in) {
  std::string all;
  for (const StepCost& c : f.step_costs(in)) all += (all.empty() ? "" : ", ") + c.label;
  return all;
}

double bytes_of(const Function& f, const std::vector<Argument>& in) {
  double all = 0;
  for (const StepCost& c : f.step_costs(in)) all += c.bytes;
  return all;
}

FunctionOptions by_cudnn(bool tf32 = false) {
  return {.name = "layer", .device = "played", .cache = false, .conv = ConvAlgorithm::cudnn, .tf32 = tf32};
}

}  // namespace

TEST_CASE("cuDNN's convolutions have the values of the CPU's, also when they are recorded") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  const Plans first("heuristic");
  for (const DType dtype : {float32, float64, float16, bfloat16})
    for (const bool tf32 : {false, true})
      for (const Layer& layer : layers)
        for (int form = 0; form < 3; ++form) {
          CAPTURE(name_of(dtype), tf32, layer.image, layer.filters, form);
          const Function f = form_of(layer, dtype, form, by_cudnn(tf32)),
                         on_cpu = form_of(layer, dtype, form, {.name = "layer", .cache = false});
          stub.clear();
          const bool rounded = tf32 && dtype == float32, of_16_bits = is_only_stored(dtype);
          for (int call = 0; call < 4; ++call) {
            const std::vector<Argument> in = arguments_of(layer, dtype, form, call);
            const Array got = f.call(in)[0], want = on_cpu.call(in)[0];
            if (of_16_bits)
              REQUIRE(tests::difference(got, want, 1) == "");  // sums are in float32, and rounded once
            else
              check_close(got, want, rounded ? 2e-2 : dtype == float32 ? 1e-4 : 1e-12);
          }
          const bool any = layer.image[0] > 0, tensor_cores = rounded || of_16_bits;
          CHECK(runs(stub) == (any ? 2 : 0));  // the first call, and the one that is recorded
          if (dtype != float64 && any) CHECK(stub.count(tensor_cores ? "Execute engine 7 " : "Execute engine 5 ") == 2);
          CHECK(stub.count(text_of(dtype)) == runs(stub));
          if (layer.image[1] > 1) CHECK(stub.count(" nhwc ") == (tensor_cores ? runs(stub) : 0));
        }
}

TEST_CASE("padding is left to cuDNN, and layouts to kernels that are there anyway") {
  const Stub stub(false, true);
  install_played(stub);
  const Layer padded{{2, 3, 5, 7}, {2, 3, 3, 3}, {.padding = {1, 0, 2, 1}}};
  for (int form = 0; form < 3; ++form) {
    CAPTURE(form);
    const std::vector<Argument> in = arguments_of(padded, float32, form, 0);
    CHECK(steps(form_of(padded, float32, form, by_cudnn()), in) == "conv_cudnn");
    const Function in_tf32 = form_of(padded, float32, form, by_cudnn(true));
    CHECK(steps(in_tf32, in) == "transpose, transpose, conv_cudnn, transpose");  // to and from what the caller has
    for (const DType dtype : {float16, bfloat16}) {
      const std::vector<Argument> narrow = arguments_of(padded, dtype, form, 0);
      const Function f = form_of(padded, dtype, form, by_cudnn());
      CHECK(steps(f, narrow) == "transpose, transpose, conv_cudnn, transpose");
      CHECK(bytes_of(f, narrow) == bytes_of(in_tf32, in) / 2);
    }
  }
}

TEST_CASE("cuDNN gets 16 bits where both operands are and the result is rounded to them; else float32") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  const Plans first("heuristic");
  const Layer layer{{2, 3, 6, 7}, {4, 3, 3, 3}, {.padding = 1}};
  const auto asked = [&](DType of_image, DType of_filters, const std::vector<DType>& results) {
    const Tensor x = input("x", of_image, {2, 3, 6, 7}), w = input("w", of_filters, {4, 3, 3, 3});
    const Tensor y = conv2d(cast(x, float32), cast(w, float32), layer.options);
    std::vector<Tensor> outputs;
    for (const DType dtype : results) outputs.push_back(cast(y, dtype));
    const std::vector<Argument> in{numbers(of_image, layer.image, 0.7), numbers(of_filters, layer.filters, 1.1)};
    stub.clear();
    const std::vector<Array> got = function({x, w}, outputs, by_cudnn()).call(in),
                             want = function({x, w}, outputs, {.cache = false}).call(in);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(tests::difference(got[i], want[i], 10) == "");
    for (const DType dtype : {float32, float16, bfloat16})
      if (stub.count(text_of(dtype)) == 1 && runs(stub) == 1) return dtype;
    return float64;
  };
  for (const DType dtype : {float16, bfloat16}) {
    CHECK(asked(dtype, dtype, {dtype}) == dtype);
    CHECK(asked(dtype, dtype, {float32}) == float32);
    CHECK(asked(dtype, dtype, {dtype, float32}) == float32);
    CHECK(asked(dtype, float32, {dtype}) == float32);
  }
  CHECK(asked(float16, float16, {bfloat16}) == float32);
  CHECK(asked(float16, float16, {float16, bfloat16}) == float32);
  CHECK(asked(float16, bfloat16, {float16}) == float32);
}

// Sums of an image that every element reads are computed once, whatever the order of the elements.
TEST_CASE("a normalisation between convolutions has its sums in memory") {
  const Stub stub(false, true);
  install_played(stub);
  const Tensor x = input("x", float32, {2, 3, 8, 8}), w = input("w", float32, {4, 3, 3, 3}),
               v = input("v", float32, {2, 4, 3, 3});
  const Tensor y = conv2d(x, w);
  const Tensor z = conv2d(y / sqrt(mean(square(y), {2, 3}, true)), v);
  const std::vector<Argument> in{numbers(float32, {2, 3, 8, 8}, 0.7), numbers(float32, {4, 3, 3, 3}, 0.9),
                                 numbers(float32, {2, 4, 3, 3}, 1.1)};
  const Function f = function({x, w, v}, {z}, by_cudnn(true));
  CHECK(steps(f, in) ==
        "transpose, transpose, conv_cudnn, in_memory+sum+mul, sum, in_memory+transpose+div+reshape+sqrt, transpose, "
        "conv_cudnn, transpose");
  check_close(f.call(in)[0], function({x, w, v}, {z}, {.cache = false}).call(in)[0], 5e-2);
}

namespace {

// Two layers with what comes between them in AlexNet; and the gradients of all. In 16 bits what is smooth stands for
// what has kinks: another rounding would choose another maximum.
struct Network {
  std::vector<Tensor> inputs, outputs;
  std::vector<Argument> arguments;
};
Network network(DType dtype = float32) {
  Dim n("n");
  const Tensor x = input("x", dtype, {n, 3, 11, 11}), w1 = input("w1", dtype, {8, 3, 3, 3}),
               b1 = input("b1", dtype, {8}), w2 = input("w2", dtype, {6, 4, 3, 3}), b2 = input("b2", dtype, {6}),
               w3 = input("w3", dtype, {24, 5});
  const bool smooth = is_only_stored(dtype);
  const auto bias = [](const Tensor& b) { return reshape(b, {b.dim(0), 1, 1}); };
  const auto pool = [=](const Tensor& t, const Pool& p) { return smooth ? average_pool2d(t, p) : max_pool2d(t, p); };
  const Tensor z1 = conv2d(x, w1, {.padding = 1}) + bias(b1);
  const Tensor y1 = lrn(pool(smooth ? tanh(z1) : relu(z1), {.window = {3}, .stride = {2}}));
  const Tensor y2 = pool(tanh(conv2d(y1, w2, {.padding = {1, 1, 0, 2}, .groups = 2}) + bias(b2)), {.window = {2}});
  const Tensor loss = mean(square(dot(reshape(y2, {n, 24}), w3)));
  Network net{{x, w1, b1, w2, b2, w3}, grad(loss, {x, w1, b1, w2, b2, w3}), {}};
  net.outputs.push_back(loss);
  double step = 0.5;
  for (const Extents& e : {Extents{3, 3, 11, 11}, {8, 3, 3, 3}, {8}, {6, 4, 3, 3}, {6}, {24, 5}})
    net.arguments.emplace_back(numbers(dtype, e, step += 0.3));
  return net;
}

}  // namespace

TEST_CASE("networks by cuDNN have the gradients of the CPU") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  const Network net = network();
  const std::vector<Array> want = function(net.inputs, net.outputs, {.cache = false}).call(net.arguments);
  for (const bool tf32 : {false, true}) {
    const Function f = function(net.inputs, net.outputs, by_cudnn(tf32));
    for (int call = 0; call < 3; ++call) {
      const std::vector<Array> got = f.call(net.arguments);
      for (std::size_t i = 0; i < got.size(); ++i) {
        CAPTURE(tf32, i, call);
        check_close(got[i], want[i], tf32 ? 5e-2 : 1e-4);
      }
    }
  }
}

TEST_CASE("networks of 16 bits by cuDNN have the gradients of the CPU, at every level") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  for (const DType dtype : {float16, bfloat16})
    for (const int level : {0, 1, 2}) {
      const Network net = network(dtype);
      const std::vector<Array> want =
          function(net.inputs, net.outputs, {.level = level, .cache = false}).call(net.arguments);
      FunctionOptions options = by_cudnn();
      options.level = level;
      const Function f = function(net.inputs, net.outputs, options);
      stub.clear();
      for (int call = 0; call < 3; ++call) {
        const std::vector<Array> got = f.call(net.arguments);
        for (std::size_t i = 0; i < got.size(); ++i) {
          CAPTURE(name_of(dtype), level, i, call);
          CHECK(tests::difference(got[i], want[i], 40) == "");
        }
      }
      CHECK(stub.count(text_of(dtype)) == runs(stub));
    }
}

// Engines 5 and those of CUDNN_STUB_ENGINES compute in true float32. Every test has extents of its own: plans are kept.
TEST_CASE("rows of a loop's sequences may be less aligned") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  for (const DType dtype : {float32, float16}) {
    const Tensor x = input("x", dtype, {5, 1, 1, 3, 3}), w = input("w", dtype, {1, 1, 2, 2});
    const ScanResult r = scan({.sequences = {x}, .carries = {w}}, [](const ScanStep& t) {
      return StepResult{.carries = {tanh(t.carry(0) + conv2d(t.row(0), t.carry(0)))}};
    });
    const std::vector<Argument> in{numbers(dtype, {5, 1, 1, 3, 3}, 1), numbers(dtype, {1, 1, 2, 2}, 2)};
    const Function f = function({x, w}, {r.last[0]}, by_cudnn());
    stub.clear();
    check_close(f.call(in)[0], function({x, w}, {r.last[0]}, {.cache = false}).call(in)[0],
                dtype == float32 ? 1e-5 : 2e-3);
    CHECK(runs(stub) >= 5);
    CHECK(stub.count(text_of(dtype)) == runs(stub));
  }
}

namespace {

struct Precision {
  std::string name;
  DType dtype = float32;
  bool tf32 = false;
};

std::vector<Argument> arguments_of(const models::ModelRow& row, const models::BuiltModel& model, std::int64_t batch,
                                   DType dtype) {
  std::vector<Argument> all;
  for (const Array& a : row.sample(batch, 0, 1))
    if (all.size() < model.inputs.size()) all.emplace_back(is_floating(a.dtype()) ? a.cast(dtype) : a);
  return all;
}

std::string steps_of(const std::string& name, const Precision& p) {
  const models::ModelRow& row = models::find_model(name);
  const models::BuiltModel model = row.build({.dtype = p.dtype});
  const std::vector<Argument> arguments = arguments_of(row, model, 1, p.dtype);
  std::vector<Tensor> gradient = grad(model.loss, model.parameter_tensors());
  gradient.push_back(model.loss);
  std::string text;
  const auto add = [&](const char* what, const std::vector<Tensor>& outputs) {
    const Function f = function(model.inputs, outputs,
                                {.name = what,
                                 .device = "sm_90",
                                 .unused_inputs = true,
                                 .cache = false,
                                 .conv = ConvAlgorithm::cudnn,
                                 .tf32 = p.tf32});
    text += "-- " + name + ", " + p.name + ", " + what + "\n";
    for (const StepCost& c : f.step_costs(arguments)) text += c.label + "\n";
  };
  add("forward", {model.logits});
  add("gradient", gradient);
  return text;
}

}  // namespace

TEST_CASE("what networks become by cuDNN, step by step") {
  if (!codegen::cuda::Nvrtc::find()) {
    std::printf("[SKIP] NVRTC not found\n");
    return;
  }
  std::string text;
  for (const char* name : {"lenet", "alexnet"})
    for (const Precision& p : {Precision{"float32"}, {"TF32", float32, true}, {"bfloat16", bfloat16}})
      text += steps_of(name, p);
  CHECK(text == tests::golden("gpu_cudnn_steps.txt", text));
}

namespace {

// Of the forward function and the gradient of a network, in a first call.
std::string asked_by(const Stub& stub, const std::string& name, std::int64_t batch, DType dtype) {
  const models::ModelRow& row = models::find_model(name);
  const models::BuiltModel model = row.build({.dtype = dtype});
  std::string text;
  const auto add = [&](const std::string& what, const std::vector<Tensor>& outputs) {
    const Function f = function(
        model.inputs, outputs, {.device = "cuda", .unused_inputs = true, .cache = false, .conv = ConvAlgorithm::cudnn});
    stub.clear();
    f.call(arguments_of(row, model, batch, dtype));
    text += "-- " + name + ", " + what + "\n";
    std::istringstream log(stub.log());
    for (std::string line; std::getline(log, line);)
      if (const auto at = line.find(" n"); line.starts_with("cudnnBackendExecute "))
        text += line.substr(at + 1, line.find(" m") - at - 1) + "\n";
  };
  add("forward", {model.logits});
  add("gradient", grad(model.loss, model.parameter_tensors()));
  return text;
}

}  // namespace

TEST_CASE("what networks of bfloat16 ask cuDNN for") {
  const Stub stub(false, true);
  if (!is_opened()) return;
  if (!codegen::cuda::Nvrtc::find()) {
    std::printf("[SKIP] NVRTC not found\n");
    return;
  }
  const Plans first("heuristic");
  const Setting recorded("CUDNN_STUB_COMPUTE", "0");
  // The real cuBLASLt, where it is installed, leaves memory behind as it finds no GPU.
  const std::string before = std::exchange(flags().contraction, "generated");
  const std::string text = asked_by(stub, "lenet", 64, bfloat16) + asked_by(stub, "alexnet", 2, bfloat16);
  flags().contraction = before;
  CHECK(text == tests::golden("gpu_cudnn_16_bits.txt", text));
}

TEST_CASE("the plan that runs is the fastest of those that run") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  const Setting engines("CUDNN_STUB_ENGINES", "6:0.25:4096,8:fails:0,9:0.125:2000000000,4:0.3:0");
  const Layer layer{{1, 2, 9, 4}, {3, 2, 2, 2}, {}};
  const Function f = form_of(layer, float32, 0, by_cudnn()), on_cpu = form_of(layer, float32, 0, {.cache = false});
  stub.clear();
  for (int call = 0; call < 4; ++call) {
    const std::vector<Argument> in = arguments_of(layer, float32, 0, call);
    check_close(f.call(in)[0], on_cpu.call(in)[0], 1e-4);
    // Run to be seen: 5 and 6 four times in all, once and then thrice three, 4 too; 8 fails at once, and 9 takes too
    // much memory.
    CHECK(stub.count("Execute engine 5 ") == 10);
    CHECK(stub.count("Execute engine 6 ") == 10 + (call == 0 ? 1 : 2));  // the first call, and what is recorded
    CHECK(stub.count("Execute engine 4 ") == 10);
    CHECK(stub.count("Execute engine 8 ") == 1);
    CHECK(stub.count("Execute engine 9 ") == 0);
  }
  CHECK(stub.count("cuMemFree_v2") >= 8);  // workspaces of what was only timed
}

TEST_CASE("what is much slower is left after its first runs, and the first plan runs where nothing is measured") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  const Setting engines("CUDNN_STUB_ENGINES", "6:4:0,4:0.5:0");
  const auto counts = [&](std::int64_t size) {
    const Layer layer{{1, 2, size, 4}, {3, 2, 2, 2}, {}};
    stub.clear();
    form_of(layer, float32, 0, by_cudnn()).call(arguments_of(layer, float32, 0, 0));
    return std::vector{stub.count("Execute engine 5 "), stub.count("Execute engine 6 "),
                       stub.count("Execute engine 4 ")};
  };
  CHECK(counts(10) == std::vector<std::size_t>{10, 4, 11});
  CHECK(counts(10) == std::vector<std::size_t>{0, 0, 1});  // known to the driver
  {
    const Plans first("heuristic");
    CHECK(counts(11) == std::vector<std::size_t>{1, 0, 0});
  }
  flags().ordered = true;
  CHECK(counts(12) == std::vector<std::size_t>{1, 0, 0});
  flags().ordered = false;
  const Plans wrong("fastest");
  CHECK_THROWS_WITH(counts(13), contains("BITALE_CUDNN_PLANS is 'fastest', expected measured or heuristic"));
}

TEST_CASE("a convolution of which no plan runs is an error that lists them") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  const Layer layer{{1, 2, 14, 4}, {3, 2, 2, 2}, {}};
  const Function f = form_of(layer, float32, 0, by_cudnn());
  const std::vector<Argument> in = arguments_of(layer, float32, 0, 0);
  const Setting engines("CUDNN_STUB_ENGINES", "8:1:0");
  std::string message;
  {
    const Setting failing("CUDA_STUB_FAIL", "cudnnBackendExecute=5000");
    message = tests::message_of([&] { f.call(in); });
  }
  CHECK_THAT(message, contains("convolution forward, image [1, 2, 14, 4], filters [3, 2, 2, 2]"));
  CHECK_THAT(message, contains("failed: engine 5: cuDNN: running engine 5: "));
  CHECK_THAT(message, contains("failed: engine 8: cuDNN: running engine 8: "));
  CHECK(f.call(in)[0].shape() == Extents{1, 3, 13, 3});  // it is looked for again
}

TEST_CASE("layers may name cuDNN, and those that it cannot compute are automatic") {
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  const Plans first("heuristic");
  const Tensor x = input("x", float32, {1, 2, 8}), w = input("w", float32, {3, 2, 3});
  CHECK_THROWS_WITH(conv1d(x, w, {.algorithm = ConvAlgorithm::cudnn}),
                    contains("the algorithm 'cudnn' cannot compute this: it is for two spatial axes"));
  const Tensor image = input("image", float32, {1, 1, 4, 4}), filters = input("filters", float32, {1, 1, 2, 2});
  const Tensor y = conv2d(image, filters, {.algorithm = ConvAlgorithm::cudnn});
  stub.clear();
  const std::vector<Argument> in{numbers(float32, {1, 1, 4, 4}, 1), numbers(float32, {1, 1, 2, 2}, 2)};
  function({image, filters}, {y}, {.device = "played", .cache = false}).call(in);
  CHECK(runs(stub) == 1);
}

TEST_CASE("automatic is cuDNN in TF32 and 16 bits, where there is much to do and cuDNN can be had") {
  const auto by = [](std::int64_t images, const std::string& device, bool tf32, DType dtype = float32) {
    const Tensor x = input("x", dtype, {images, 20, 12, 12}), w = input("w", dtype, {50, 20, 5, 5});
    const std::vector<Argument> in{Array::zeros(dtype, {images, 20, 12, 12}), Array::zeros(dtype, {50, 20, 5, 5})};
    return steps(function({x, w}, {conv2d(x, w)}, {.device = device, .cache = false, .tf32 = tf32}), in);
  };
  CHECK(by(64, "emulated", true) == "conv");
  CHECK(by(64, "emulated", false, float16) == "conv, cast");
  const Stub stub(false, true);
  install_played(stub);
  if (!is_opened()) return;
  CHECK_THAT(by(64, "played", true), contains("conv_cudnn"));
  CHECK(by(1, "played", true) == "conv");
  CHECK(by(64, "played", false) == "conv");
  CHECK(by(64, "played", true, float64) == "conv");
  for (const DType dtype : {float16, bfloat16}) {
    CHECK_THAT(by(64, "played", false, dtype), contains("conv_cudnn"));
    CHECK(by(1, "played", true, dtype) == "conv, cast");
  }
}

TEST_CASE("where cuDNN cannot be had, functions say what to choose") {
  const Tensor x = input("x", float32, {1, 1, 4, 4}), w = input("w", float32, {1, 1, 2, 2});
  for (const bool of_layer : {false, true})
    for (const char* device : {"cpu", "emulated"}) {
      CAPTURE(of_layer, device);
      const ConvAlgorithm layer = of_layer ? ConvAlgorithm::cudnn : ConvAlgorithm::automatic,
                          whole = of_layer ? ConvAlgorithm::automatic : ConvAlgorithm::cudnn;
      const std::string message = tests::message_of([&] {
        function({x, w}, {conv2d(x, w, {.algorithm = layer})}, {.device = device, .cache = false, .conv = whole});
      });
      CHECK_THAT(message, contains("conv [1, 1, 4, 4] * [1, 1, 2, 2] at cudnn_conv_test.cc:"));
      CHECK_THAT(message, contains("the algorithm 'cudnn' cannot be had: it "));
      CHECK_THAT(message, contains("device cuda"));
      CHECK_THAT(message, contains("; choose another, 'automatic' for example"));
    }
}
