// The four networks, small, on the device of the tests against the CPU: forward, gradients, and some steps of training.

#include "models/zoo/alexnet.h"
#include "models/zoo/lenet.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/op_cases.h"
#include "tests/support/relative_error.h"

using namespace bitale;
using namespace bitale::models;

namespace {

std::vector<Array> call(const BuiltModel& model, const std::vector<Array>& inputs, const FunctionOptions& options) {
  std::vector<Tensor> outputs = grad(model.loss, model.parameter_tensors());
  outputs.insert(outputs.begin(), {model.loss, model.logits});
  const std::vector<Argument> arguments(inputs.begin(), inputs.end());
  return function(model.inputs, outputs, options).call(arguments);
}

// The parameters after three steps of gradient descent, from the same values each time.
std::vector<Array> trained(const BuiltModel& model, const std::vector<Array>& inputs, const std::string& device) {
  std::vector<Array> before, after;
  for (const Shared& p : model.parameters) before.push_back(p.get().clone());
  const std::vector<Tensor> gradients = grad(model.loss, model.parameter_tensors());
  FunctionOptions options{.name = "step", .device = device, .threads = 1};
  if (device != "cpu") options.conv = tests::tested_conv();
  for (std::size_t i = 0; i < gradients.size(); ++i)
    options.updates.emplace_back(model.parameters[i], model.parameters[i] - 0.05 * gradients[i]);
  const Function step = function(model.inputs, {model.loss}, options);
  const std::vector<Argument> arguments(inputs.begin(), inputs.end());
  for (int i = 0; i < 3; ++i) after.push_back(step.call(arguments)[0]);
  for (std::size_t i = 0; i < before.size(); ++i) {
    after.push_back(model.parameters[i].get().clone());
    Shared(model.parameters[i]).set(before[i]);
  }
  return after;
}

void check_same(const std::vector<Array>& got, const std::vector<Array>& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO("result " << i << " of " << got.size());
    CHECK(tests::relative_error(got[i], expected[i]) < tolerance);
  }
}

void check_model(const BuiltModel& model, const std::vector<Array>& inputs, double tolerance = 1e-5) {
  INFO(model.name << " " << model.step);
  const FunctionOptions device{.name = "gradient", .device = tests::tested_device(), .conv = tests::tested_conv()},
      cpu{.name = "gradient", .threads = 1};
  check_same(call(model, inputs, device), call(model, inputs, cpu), tolerance);
  check_same(trained(model, inputs, tests::tested_device()), trained(model, inputs, "cpu"), tolerance);
}

}  // namespace

TEST_CASE("LeNet is the same on the device") {
  check_model(lenet({.last_layer = LeNetOptions::LastLayer::random}), find_model("lenet").sample(3, 0, 1));
}

TEST_CASE("the stacked autoencoder is the same on the device, in each of its steps") {
  const ModelRow& row = find_model("sae");
  const BuiltModel whole = row.build({.random_last_layer = true});
  for (const char* step : row.steps) {
    const BuiltModel model = step_of(whole, step);
    std::vector<Array> inputs = row.sample(2, 0, 1);
    inputs.resize(model.inputs.size());
    check_model(model, inputs);
  }
}

TEST_CASE("the LSTM is the same on the device") {
  const ModelRow& row = find_model("lstm");
  for (const char* variant : row.variants)
    check_model(row.build({.random_last_layer = true, .hidden = 24, .vocabulary = 10'000, .variant = variant}),
                row.sample(3, 5, 1), 1e-4);
}

TEST_CASE("AlexNet, small, is the same on the device") {
  AlexNetOptions options;
  options.input_size = 67;
  options.classes = 10;
  options.shrink = 16;
  options.scaled_weights = true;
  const Array images = tests::random_array(float32, {2, 3, 67, 67}, -1, 1, 3);
  const std::int64_t labels[] = {3, 7};
  check_model(alexnet(options), {images, Array::of<std::int64_t>(labels, {2})}, 1e-4);
}
