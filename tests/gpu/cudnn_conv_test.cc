// The algorithm cudnn on device "cuda", on the stand-ins for NVIDIA's driver library and cuDNN (tests/cuda_stub): what
// it computes, when calls are recorded, and what it says where it cannot be had.
#include <cmath>
#include <cstdio>

#include <bitale/bitale.h>
#include <dlfcn.h>

#include "runtime/base/flags.h"
#include "runtime/device/cudnn/backend.h"
#include "tests/support/arrays.h"
#include "tests/support/catch.h"
#include "tests/support/message_of.h"

using namespace bitale;
using bitale::tests::contains;

namespace {

// Both stand-ins, which are found first from now on.
class Stubs {
 public:
  Stubs() : driver_(dlopen(BITALE_CUDA_STUB "/libcuda.so.1", RTLD_NOW)) {
    flags().cuda = BITALE_CUDA_STUB ":" BITALE_CUDA_STUB "/cudnn";
    REQUIRE(driver_);
  }
  // Otherwise the test says so, and ends: which libraries a process has opened stays so.
  bool opened() const {
    if (cudnn::Library::installed().path().starts_with(BITALE_CUDA_STUB)) return true;
    std::printf("[SKIP] NVIDIA's cuDNN was opened before its stand-in\n");
    return false;
  }
  int runs() const {  // of plans, in what was noted
    const std::string log = reinterpret_cast<const char* (*)()>(dlsym(driver_, "cuda_stub_log"))();
    int count = 0;
    for (std::size_t at = log.find("cudnnBackendExecute"); at != log.npos; at = log.find("cudnnBackendExecute", at + 1))
      ++count;
    return count;
  }
  void clear() const { reinterpret_cast<void (*)()>(dlsym(driver_, "cuda_stub_clear"))(); }

 private:
  void* driver_;
};

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

// Images whose windows reach their ends exactly, so that the gradients are convolutions and nothing else.
const Layer layers[] = {
    {{2, 3, 6, 5}, {4, 3, 3, 2}, {}},
    {{2, 4, 7, 5}, {6, 2, 3, 3}, {.stride = {2, 1}, .groups = 2}},
    {{1, 2, 7, 9}, {3, 2, 3, 3}, {.dilation = {2, 3}, .flip = true}},
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{0, 2, 4, 4}, {3, 2, 3, 3}, {}},  // no images: filters' gradients are zero
};

Extents result_shape(const Layer& l) {
  const auto positions = [&](std::size_t axis) {
    const std::int64_t s = l.options.stride.empty() ? 1 : l.options.stride[axis],
                       d = l.options.dilation.empty() ? 1 : l.options.dilation[axis];
    return (l.image[2 + axis] - (l.filters[2 + axis] - 1) * d - 1) / s + 1;
  };
  return {l.image[0], l.filters[0], positions(0), positions(1)};
}

// One form of a layer, from the other two sides.
Function form_of(const Layer& l, DType dtype, int form, const std::string& device, ConvAlgorithm algorithm) {
  const auto shape = [](const Extents& e) { return Shape(e.begin(), e.end()); };
  const Tensor x = input("x", dtype, shape(l.image)), w = input("w", dtype, shape(l.filters)),
               dy = input("dy", dtype, shape(result_shape(l)));
  const Tensor y = conv2d(x, w, l.options);
  const FunctionOptions options{.name = "layer", .device = device, .cache = false, .conv = algorithm};
  if (form == 0) return function({x, w}, {y}, options);
  return function({form == 1 ? w : x, dy}, vjp({y}, {dy}, {form == 1 ? x : w}), options);
}

void check_close(const Array& got, const Array& expected, double tolerance) {
  REQUIRE(got.shape() == expected.shape());
  for (std::int64_t i = 0; i < got.size(); ++i) REQUIRE(std::fabs(got.at(i) - expected.at(i)) <= tolerance);
}

}  // namespace

TEST_CASE("cuDNN's convolutions have the values of the CPU's, also when they are recorded") {
  const Stubs stubs;
  if (!stubs.opened()) return;
  for (const DType dtype : {float32, float64})
    for (const Layer& layer : layers)
      for (int form = 0; form < 3; ++form) {
        CAPTURE(name_of(dtype), layer.image, layer.filters, form);
        const Function f = form_of(layer, dtype, form, "cuda", ConvAlgorithm::cudnn),
                       on_cpu = form_of(layer, dtype, form, "cpu", ConvAlgorithm::implicit_gemm);
        stubs.clear();
        for (int call = 0; call < 4; ++call) {
          const Array image = numbers(dtype, layer.image, 0.7 + call), filters = numbers(dtype, layer.filters, 1.1),
                      result = numbers(dtype, result_shape(layer), 0.3 + call);
          const std::vector<Argument> in{form == 1 ? filters : image, form == 0 ? filters : result};
          check_close(f.call(in)[0], on_cpu.call(in)[0], dtype == float32 ? 1e-4 : 1e-12);
        }
        const bool any = layer.image[0] > 0;
        CHECK(stubs.runs() == (any ? 2 : 0));  // the first call, and the one that is recorded
      }
}

TEST_CASE("layers may name cuDNN, and those that it cannot compute are automatic") {
  const Stubs stubs;
  if (!stubs.opened()) return;
  const Tensor x = input("x", float32, {1, 2, 8}), w = input("w", float32, {3, 2, 3});
  CHECK_THROWS_WITH(conv1d(x, w, {.algorithm = ConvAlgorithm::cudnn}),
                    contains("the algorithm 'cudnn' cannot compute this: it is for two spatial axes"));
  const Tensor image = input("image", float32, {1, 1, 4, 4}), filters = input("filters", float32, {1, 1, 2, 2});
  const Tensor y = conv2d(image, filters, {.algorithm = ConvAlgorithm::cudnn});
  stubs.clear();
  const std::vector<Argument> in{numbers(float32, {1, 1, 4, 4}, 1), numbers(float32, {1, 1, 2, 2}, 2)};
  function({image, filters}, {y}, {.device = "cuda", .cache = false}).call(in);
  CHECK(stubs.runs() == 1);
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
