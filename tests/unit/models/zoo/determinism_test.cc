// A graph that is built again compiles to the same program, whatever its inputs, symbols and addresses are.
#include <bitale/bitale.h>

#include "models/zoo/alexnet.h"
#include "models/zoo/lenet.h"
#include "models/zoo/lstm_sentiment.h"
#include "models/zoo/sae.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

// The kernels and the program of a graph and its gradient. Source lines are those of one place.
std::string text_of(const std::vector<Tensor>& inputs, const Tensor& loss, const std::vector<Tensor>& parameters) {
  std::vector<Tensor> outputs{loss};
  for (const Tensor& g : grad(loss, parameters)) outputs.push_back(g);
  const Stages s = stages(inputs, outputs);
  return s.kernels + s.program;
}

// Draws ids of nodes and symbols, so that the next graph has others, of another number of digits.
void disturb(int round) {
  for (int i = 0; i < 37 * round * round; ++i) input("noise", float32, {Dim("m")});
}

// The same operands of commutative ops in different roles, several symbols, and inputs that are alike.
std::string cell_text() {
  const Dim n("n"), k("k");
  const Tensor x = input("x", float32, {n, k}), y = input("x", float32, {n, k}), w = input("w", float32, {k, k});
  const Tensor a = tanh(dot(x, w) * y + x * dot(y, w)), b = sigmoid(y + a) * (a + x);
  return text_of({x, y, w}, mean(square(a * b + exp(-square(b)) * a)), {x, y, w});
}

std::string lenet_text() {
  const models::BuiltModel net = models::lenet();
  return text_of(net.inputs, net.loss, net.parameter_tensors());
}

std::string lstm_text() {
  const models::BuiltModel net = models::lstm_sentiment({.hidden = 8, .vocabulary = 20});
  return text_of(net.inputs, net.training_loss, net.parameter_tensors());
}

std::string alexnet_text() {
  models::AlexNetOptions options;
  options.shrink = 16;
  options.input_size = 63;
  const models::BuiltModel net = models::alexnet(options);
  return text_of(net.inputs, net.training_loss, net.parameter_tensors());
}

std::string sae_text() {
  const models::BuiltModel net = models::sae();
  std::string text = text_of(net.inputs, net.loss, net.parameter_tensors());
  for (const models::BuiltModel& step : net.before) text += text_of(step.inputs, step.loss, step.parameter_tensors());
  return text;
}

}  // namespace

TEST_CASE("graphs that are built again compile to the same kernels and steps") {
  for (auto* build : {cell_text, lenet_text, alexnet_text, sae_text, lstm_text}) {
    const std::string first = build();
    for (int round = 1; round <= 6; ++round) {
      disturb(round);
      CHECK(build() == first);
    }
  }
}
