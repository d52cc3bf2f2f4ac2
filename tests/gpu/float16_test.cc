// float16 and bfloat16 on the device of the tests.
#include <bitale/bitale.h>

#include "tests/gpu/samples.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/differential.h"
#include "tests/support/half_products.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// Samples of these ops that are tested on float32: elementwise, reductions, contractions, movement, library calls.
std::vector<OpCase> cases_of(const std::string& names, DType dtype) {
  std::vector<OpCase> cases;
  for (const ir::OpDef* op : tested_ops())
    if (names.find(" " + op->name + " ") != std::string::npos)
      for (const ir::Sample& sample : op->samples()) cases.push_back({op, sample, dtype, "", false});
  return cases;
}

}  // namespace

// At level 0, where each op rounds as the interpreter does.
TEST_CASE("ops in 16 bits have the same values on the device") {
  const std::string names = " add mul exp tanh where cast sum max mean dot softmax transpose concat pad sort cumsum ";
  for (const DType dtype : {float16, bfloat16})
    check_together(cases_of(names, dtype), compiled_for(tested_device(), 0));
}

TEST_CASE("a layer, a scan and their gradients in 16 bits on the device") {
  for (const DType dtype : {float16, bfloat16}) {
    const Tensor x = input("x", dtype, {5, 2, 3}), h = input("h", dtype, {2, 4}), w = input("w", dtype, {3, 4}),
                 u = input("u", dtype, {4, 4});
    const Tensor states = scan({.sequences = {x}, .carries = {h}}, [&](const ScanStep& t) {
                            return StepResult{.carries = {tanh(dot(t.row(0), w) + dot(t.carry(0), u))}};
                          }).carries[0];
    std::vector<Tensor> outputs = grad(sum(states * states), {x, h, w, u});
    outputs.push_back(states);
    const std::vector<Argument> values{random_array(dtype, {5, 2, 3}, -1, 1, 1), random_array(dtype, {2, 4}, -1, 1, 2),
                                       random_array(dtype, {3, 4}, -1, 1, 3), random_array(dtype, {4, 4}, -1, 1, 4)};
    const auto run = [&](const std::string& device) {
      return function({x, h, w, u}, outputs, {.device = device, .cache = false}).call(values);
    };
    const std::vector<Array> expected = run("cpu"), got = run(tested_device());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(difference(got[i], expected[i]) == "");
  }
}

TEST_CASE("products of 16 bits, and of such beside float32, on the device") {
  const std::pair<DType, DType> dtypes[] = {{float16, float16}, {bfloat16, bfloat16}, {bfloat16, float32}};
  for (const auto& [a, b] : dtypes) {
    DifferentialOptions options;
    options.device = tested_device();
    options.levels = {2};
    const Finding finding = differential(all_together(a, b), options);
    INFO(name_of(a) << " and " << name_of(b) << ": " << finding.kind);
    CHECK(finding.text == "");
  }
}

// By what BITALE_TEST_CONV names. The cotangent is given, so that each result is of numbers that are rounded once.
TEST_CASE("convolutions and their gradients in 16 bits on the device") {
  struct Layer {
    Extents image, filters, result;
    Conv options;
  };
  const Layer layers[] = {{{2, 1, 9, 8}, {4, 1, 3, 3}, {2, 4, 7, 6}, {}},
                          {{2, 3, 11, 9}, {5, 3, 5, 4}, {2, 5, 5, 3}, {.stride = {2, 3}, .padding = {2, 1, 0, 1}}},
                          {{3, 8, 7, 7}, {16, 4, 3, 3}, {3, 16, 7, 7}, {.padding = 1, .groups = 2}},
                          {{1, 16, 6, 9}, {8, 16, 3, 3}, {1, 8, 4, 5}, {.dilation = {1, 2}, .flip = true}}};
  for (const DType dtype : {float16, bfloat16})
    for (const Layer& l : layers) {
      const auto shape = [](const Extents& e) { return Shape(e.begin(), e.end()); };
      const Tensor x = input("x", dtype, shape(l.image)), w = input("w", dtype, shape(l.filters)),
                   dy = input("dy", dtype, shape(l.result));
      const Tensor y = conv2d(x, w, l.options);
      std::vector<Tensor> outputs = vjp({y}, {dy}, {x, w});
      outputs.push_back(y);
      const std::vector<Argument> values{random_array(dtype, l.image, -1, 1, 1),
                                         random_array(dtype, l.filters, -1, 1, 2),
                                         random_array(dtype, l.result, -1, 1, 3)};
      const auto run = [&](const std::string& device, ConvAlgorithm conv) {
        return function({x, w, dy}, outputs, {.device = device, .cache = false, .conv = conv}).call(values);
      };
      const std::vector<Array> expected = run("cpu", ConvAlgorithm::automatic),
                               got = run(tested_device(), tested_conv());
      for (std::size_t i = 0; i < got.size(); ++i) {
        CAPTURE(name_of(dtype), l.image, i);
        CHECK(difference(got[i], expected[i], 1) == "");
      }
    }
}

TEST_CASE("every 16-bit pattern is converted on the device as on the host") {
  Array patterns(uint8, {2 * 65536});
  for (std::size_t i = 0; i < 65536; ++i)
    for (const std::size_t byte : {0, 1})
      patterns.view<std::uint8_t>()[2 * i + byte] = static_cast<std::uint8_t>(i >> (8 * byte));
  for (const DType dtype : {float16, bfloat16}) {
    const Array all(dtype, {65536}, patterns.storage());
    const Tensor x = input("x", dtype, {65536}), y = input("y", float32, {65536});
    const auto run = [&](const std::string& device) {
      return function({x, y}, {cast(x, float32), cast(cast(x, float32) * 1.0003, dtype), cast(y * y, dtype)},
                      {.device = device, .cache = false})(all, random_array(float32, {65536}, -300, 300, 9));
    };
    const std::vector<Array> expected = run("cpu"), got = run(tested_device());
    for (std::size_t i = 0; i < got.size(); ++i)
      for (std::int64_t k = 0; k < got[i].size(); ++k) {
        const double g = got[i].at(k), e = expected[i].at(k);
        if (g == e || (g != g && e != e)) continue;
        INFO(name_of(dtype) << ", result " << i << ", element " << k);
        CHECK(g == e);
        break;
      }
  }
}
