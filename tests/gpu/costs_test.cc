// What Function::step_costs() says, and compiling for a GPU that is not there.
#include <bitale/bitale.h>

#include "compiler/codegen/cuda/nvrtc.h"
#include "models/zoo/models.h"
#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"

using namespace bitale;
using bitale::tests::contains;

TEST_CASE("a product costs its bytes and its operations") {
  Dim n("n");
  const Tensor x = input("x", float32, {n, 3});
  Shared w("w", Array::zeros(float32, {3, 2}));
  const Function f = function({x}, {tanh(dot(x, w))}, {.device = tests::tested_device()});
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
  const Function f = function({x}, {cholesky(outer(last, last))}, {.device = tests::tested_device()});
  double looped = 0, on_host = 0;
  for (const StepCost& c : f.step_costs(std::vector<Argument>{Array::zeros(float32, {7, 4})})) {
    if (c.times == 7) looped += c.times;
    on_host += c.on_host ? 1 : 0;
  }
  CHECK(looped == 7);
  CHECK(on_host == 1);
}

namespace {

struct Count {
  double launches = 0, barriers = 0, of_clusters = 0;
};

}  // namespace

TEST_CASE("the loops of an LSTM are one launch each, and wait at barriers of clusters") {
  const models::ModelRow& row = models::find_model("lstm");
  const models::BuiltModel model = row.build({.hidden = 32});
  const std::vector<Array> arrays = row.sample(4, 9, 1);
  const std::vector<Argument> arguments(arrays.begin(), arrays.begin() + std::ssize(model.inputs));
  const auto count = [&](const std::vector<Tensor>& outputs, const char* loops) {
    const std::string before = flags().loops;
    flags().loops = loops;
    const Function f = function(model.inputs, outputs, {.name = "lstm", .device = "emulated", .unused_inputs = true});
    Count all;
    for (const StepCost& c : f.step_costs(arguments)) {
      all.launches += c.times * c.launches;
      all.barriers += c.times * c.barriers;
      all.of_clusters += c.times * c.cluster_barriers;
      if (c.share < 1) CHECK(c.share == 4 * 8 / 132.0);  // a cluster for each row of the batch
    }
    flags().loops = before;
    return all;
  };
  const std::vector<Tensor> gradient = grad(model.training_loss, model.parameter_tensors());
  const Count forward = count({model.loss}, ""), backward = count(gradient, "");
  CHECK(forward.launches < 15);
  CHECK(forward.of_clusters == 9);  // gates are the product's epilogue
  CHECK(forward.barriers == 0);
  CHECK(backward.launches < 30);
  CHECK(backward.of_clusters == 3 * 9);  // the forward loop, and two of each step back
  CHECK(backward.barriers == 0);
  const Count grid = count(gradient, "grid"), launches = count({model.loss}, "launches");
  CHECK(grid.launches == backward.launches);
  CHECK(grid.barriers == backward.of_clusters);
  CHECK(grid.of_clusters == 0);
  CHECK(launches.launches >= 9 + forward.launches - 1);
  CHECK(launches.barriers == 0);
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
