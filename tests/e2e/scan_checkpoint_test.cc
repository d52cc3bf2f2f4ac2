// What scans keep for their gradients where the extents come with the call.
#include <cmath>

#include <bitale/bitale.h>

#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

constexpr int width = 16;

// The gradients of h' = tanh(h w + x_t), for any number of steps and any batch.
Function gradients(const Checkpoint& checkpoint, const FunctionOptions& options = {}) {
  const Dim steps("steps"), batch("batch");
  const Tensor x = input("x", float64, {steps, batch, width}), w = input("w", float64, {width, width});
  const ScanResult r = scan({.sequences = {x}, .carries = {zeros(float64, {batch, width})}, .checkpoint = checkpoint},
                            [&](const ScanStep& t) {
                              const Tensor h = tanh(dot(t.carry(0), w) + t.row(0));
                              return StepResult{.carries = {h}, .outputs = {h * t.row(0)}};
                            });
  std::vector<Tensor> all{r.last[0], r.outputs[0]};
  for (const Tensor& t : grad(sum(square(r.last[0])) + sum(r.outputs[0]), {x, w})) all.push_back(t);
  return function({x, w}, all, options);
}

Array values(const Extents& shape, std::uint64_t seed) { return random_array(float64, shape, -1, 1, seed); }

// The gradient of h' = tanh(h w + x_t) with small x and large h.
Function gradient_of_large_carries(const Dim& steps, const Dim& batch, const Checkpoint& checkpoint) {
  const Tensor x = input("x", float32, {steps, 1}), h = input("h", float32, {batch, 256}),
               w = input("w", float32, {256});
  const Tensor last = scan({.sequences = {x}, .carries = {h}, .checkpoint = checkpoint}, [&](const ScanStep& t) {
                        return StepResult{.carries = {tanh(t.carry(0) * w + t.row(0))}};
                      }).last[0];
  return function({x, h, w}, {grad(sum(last), w)});
}

double planned(const Function& f, std::int64_t steps, std::int64_t batch) {
  const std::vector<Argument> arguments{Array::zeros(float32, {steps, 1}), Array::zeros(float32, {batch, 256}),
                                        Array::zeros(float32, {256})};
  return static_cast<double>(f.planned_memory(arguments).arena_bytes);
}

}  // namespace

TEST_CASE("one compilation keeps by the square root of the steps, and within a budget, for every length") {
  const Function all = gradients(Checkpoint::all());
  const Array w = values({width, width}, 2);
  for (const Checkpoint& c : {Checkpoint::sqrt(), Checkpoint::budget(20000), Checkpoint::budget(1)}) {
    const Function f = gradients(c, {.threads = 2});
    for (const std::int64_t steps : {0, 1, 2, 7, 50})
      for (const std::int64_t batch : {0, 1, 3}) {
        INFO(steps << " steps, batch " << batch);
        const Array x = values({steps, batch, width}, 1);
        const std::vector<Array> got = f(x, w), expected = all(x, w);
        for (std::size_t i = 0; i < got.size(); ++i) CHECK(difference(got[i], expected[i], 100) == "");
      }
  }
}

TEST_CASE("memory grows with the square root of the steps, and stays within a budget") {
  const Dim steps("steps"), batch("batch");
  const Function root = gradient_of_large_carries(steps, batch, Checkpoint::sqrt());
  const double hundred = planned(root, 100, 16), many = planned(root, 10000, 16);
  INFO(hundred << " and " << many);
  CHECK(many > 8 * hundred);
  CHECK(many < 13 * hundred);
  constexpr std::int64_t budget = 64 << 20;
  const Function limited = gradient_of_large_carries(steps, batch, Checkpoint::budget(budget));
  for (const std::int64_t rows : {2, 16, 32})
    for (const std::int64_t length : {100, 2000, 10000}) {
      INFO(length << " steps of " << rows << " rows");
      CHECK(planned(limited, length, rows) < budget);
    }
  CHECK(planned(limited, 10000, 16) > budget / 2);
  // What constant extents find by trying, to a step or two.
  for (const std::int64_t length : {100, 10000}) {
    const double by_trying = planned(gradient_of_large_carries(length, 16, Checkpoint::sqrt()), length, 16);
    CHECK(planned(root, length, 16) < 1.1 * by_trying);
    CHECK(planned(root, length, 16) > 0.9 * by_trying);
  }
}
