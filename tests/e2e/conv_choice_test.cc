// The algorithm of convolutions, as users choose it: for a function, and for a layer.
#include <cmath>
#include <cstdio>

#include <bitale/bitale.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "tests/support/arrays.h"
#include "tests/support/catch.h"
#include "tests/support/run_program.h"

using namespace bitale;
using tests::contains;

namespace {

Array numbers(const Extents& shape, double step) {
  Array a = Array::zeros(float32, shape);
  auto values = a.view<float>();
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(std::sin(step * static_cast<double>(i)));
  return a;
}

std::vector<std::string> chosen(const Function& f) {
  return nlohmann::json::parse(f.compile_report_json()).value("chosen", std::vector<std::string>{});
}

void check_close(const Array& got, const Array& expected, double tolerance) {
  REQUIRE(got.shape() == expected.shape());
  for (std::int64_t i = 0; i < got.size(); ++i) REQUIRE(std::fabs(got.at(i) - expected.at(i)) <= tolerance);
}

// The loss and gradients of two layers with a symbolic batch.
Function two_layers(ConvAlgorithm algorithm, bool cache = false) {
  const Tensor x = input("x", float32, {Dim("batch"), 2, 10, 10}), w1 = input("w1", float32, {4, 2, 3, 3}),
               w2 = input("w2", float32, {3, 4, 5, 5});
  const Tensor y = conv2d(tanh(conv2d(x, w1, {.padding = 1})), w2);
  const Tensor loss = mean(square(y));
  std::vector<Tensor> outputs = grad(loss, {x, w1, w2});
  outputs.push_back(loss);
  return function({x, w1, w2}, outputs, {.name = "two_layers", .cache = cache, .conv = algorithm});
}

}  // namespace

TEST_CASE("functions give the same by every algorithm") {
  const std::vector<Argument> in{numbers({3, 2, 10, 10}, 0.7), numbers({4, 2, 3, 3}, 1.3), numbers({3, 4, 5, 5}, 0.9)};
  const auto expected = two_layers(ConvAlgorithm::implicit_gemm).call(in);
  for (const ConvAlgorithm a : {ConvAlgorithm::automatic, ConvAlgorithm::im2col, ConvAlgorithm::direct,
                                ConvAlgorithm::winograd, ConvAlgorithm::fft}) {
    INFO(to_string(a));
    const Function f = two_layers(a);
    const auto got = f.call(in);
    for (std::size_t i = 0; i < expected.size(); ++i) check_close(got[i], expected[i], 1e-4);
    const auto lines = chosen(f);
    CHECK(lines.size() == 6);  // both layers, in three forms each
    if (a == ConvAlgorithm::automatic) continue;
    for (const std::string& line : lines) CHECK_THAT(line, contains(std::string(": ") + to_string(a)));
  }
}

TEST_CASE("a layer's algorithm is not the function's") {
  const Tensor x = input("x", float32, {1, 2, 8, 8}), w = input("w", float32, {2, 2, 3, 3});
  const Tensor y = conv2d(conv2d(x, w, {.algorithm = ConvAlgorithm::direct}), w);
  const auto lines = chosen(function({x, w}, {y}, {.cache = false, .conv = ConvAlgorithm::im2col}));
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], contains(": direct"));
  CHECK_THAT(lines[1], contains(": im2col"));
}

TEST_CASE("programs of different algorithms are different entries of the cache") {
  two_layers(ConvAlgorithm::im2col, true);
  CHECK(two_layers(ConvAlgorithm::im2col, true).from_cache());
  CHECK_FALSE(two_layers(ConvAlgorithm::fft, true).from_cache());
}

TEST_CASE("algorithms have names") {
  CHECK(conv_algorithm("winograd") == ConvAlgorithm::winograd);
  CHECK_THROWS_WITH(conv_algorithm("strassen"),
                    contains("there is no convolution algorithm 'strassen'; there are: automatic, "
                             "implicit_gemm, im2col, direct, winograd, fft, cudnn"));
}

TEST_CASE("the program takes --conv, and bench conv measures layers") {
  const tests::Ran graph = tests::run_bitale({"graph", "lenet", "--conv", "fft"});
  CHECK(graph.status == 0);
  CHECK_THAT(graph.out, contains("ifft2"));
  CHECK(tests::run_bitale({"graph", "lenet", "--conv", "strassen"}).status == 2);
  const tests::Ran bench = tests::run_bitale({"bench", "conv", "--net", "alexnet", "--layers", "conv1,conv5", "--batch",
                                              "1", "--calls", "1", "--threads", "1", "--json", "-"});
  CHECK(bench.status == 0);
  const auto rows = nlohmann::json::parse(bench.out).at("rows");
  CHECK(rows.size() == 2 * 3 * 6);
  int measured = 0;
  for (const auto& row : rows) {
    INFO(row.dump());
    if (row.contains("why_not")) {
      CHECK(row.at("layer") == "conv1");
      continue;
    }
    ++measured;
    CHECK(row.at("error").get<double>() < 1e-3);
    CHECK(row.at("gflops").get<double>() > 0);
  }
  CHECK(measured == 3 * 6 + 3 * 4);
}

TEST_CASE("bench conv --device lists cuDNN's plans") {
  const tests::Ran bench = tests::run_bitale({"bench", "conv", "--device", "sm_90", "--layers", "conv2", "--json", "-"},
                                             {{"ASAN_OPTIONS", "detect_leaks=0"}});  // cuDNN keeps what it allocates
  if (bench.status == 1) {
    CHECK_THAT(bench.err, contains("bitale: cuDNN is not there: looked for "));
    std::printf("[SKIP] cuDNN not found\n");
    return;
  }
  REQUIRE(bench.status == 0);
  const auto rows = nlohmann::json::parse(bench.out).at("rows");
  CHECK(rows.size() == 3 * 2);
  for (const auto& row : rows) {
    INFO(row.dump());
    REQUIRE(!row.at("plans").empty());
    CHECK(row.at("plans")[0].at("workspace_bytes").get<std::int64_t>() >= 0);
    for (const auto& refused : row.at("refused")) CHECK_THAT(refused.at("why").get<std::string>(), contains("TF32"));
  }
  const tests::Ran table = tests::run_bitale({"bench", "conv", "--device", "sm_90", "--tf32", "--layout", "nhwc"});
  CHECK_THAT(table.out, contains("lenet, batch 64, float32, TF32, sm_90: what cuDNN "));
  CHECK_THAT(table.out, contains("backward-filters  nhwc "));
  CHECK_THAT(table.out, contains("tensor_core"));
}
