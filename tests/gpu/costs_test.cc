// What Function::step_costs() says, and compiling for a GPU that is not there.
#include <bitale/bitale.h>

#include "compiler/codegen/cuda/nvrtc.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;

TEST_CASE("a product costs its bytes and its operations") {
  Dim n("n");
  const Tensor x = input("x", float32, {n, 3});
  Shared w("w", Array::zeros(float32, {3, 2}));
  const Function f = function({x}, {tanh(dot(x, w))}, {.device = "emulated"});
  const std::vector<StepCost> costs = f.step_costs(std::vector<Argument>{Array::zeros(float32, {5, 3})});
  REQUIRE(costs.size() == 1);
  CHECK(costs[0].label == "dot+tanh");
  CHECK(costs[0].times == 1);
  CHECK(costs[0].launches == 1);
  CHECK(costs[0].flops == 2 * 5 * 3 * 2);
  CHECK(costs[0].bytes == 4 * (5 * 3 + 3 * 2 + 5 * 2));
  CHECK_FALSE(costs[0].on_host);
}

TEST_CASE("steps of a loop are counted as often as they run, and what the host does is said") {
  Dim n("n"), m("m");
  const Tensor x = input("x", float32, {n, m});
  const Tensor last =
      foldl([](const Tensor& row, const Tensor& sum) { return tanh(row + sum); }, x, zeros(float32, {m}));
  const Function f = function({x}, {argsort(last)}, {.device = "emulated"});
  double looped = 0, on_host = 0;
  for (const StepCost& c : f.step_costs(std::vector<Argument>{Array::zeros(float32, {7, 4})})) {
    if (c.times == 7) looped += c.times;
    on_host += c.on_host ? 1 : 0;
  }
  CHECK(looped == 7);
  CHECK(on_host == 1);
}

TEST_CASE("a function for an architecture is compiled, and refuses to run") {
  if (!codegen::cuda::Nvrtc::find()) {
    std::printf("[SKIP] NVRTC not found\n");
    return;
  }
  const Tensor x = input("x", float32, {3});
  const Function f = function({x}, {x * 2.0}, {.name = "f", .device = "sm_90"});
  CHECK_THAT(f.program_text(), contains("code for sm_90"));
  CHECK(f.step_costs(std::vector<Argument>{Array::zeros(float32, {3})}).size() == 1);
  CHECK_THROWS_WITH(f(Array::zeros(float32, {3})),
                    contains("device 'sm_90' is compiled for, and not there to run anything"));
}
