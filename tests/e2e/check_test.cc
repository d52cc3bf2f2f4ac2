// BITALE_CHECK on a whole training step.
#include <bitale/bitale.h>

#include "models/optim/adaptive.h"
#include "models/optim/sgd.h"
#include "models/zoo/lenet.h"
#include "models/zoo/lstm_sentiment.h"
#include "runtime/base/flags.h"
#include "tests/support/catch.h"

using namespace bitale;

TEST_CASE("every step of LeNet's training step does what the interpreter says") {
  const models::BuiltModel model = models::lenet({.last_layer = models::LeNetOptions::LastLayer::random});
  const models::Updates updates =
      models::sgd(model.loss, model.parameters, {.learning_rate = constant(Array::scalar(0.1f)), .momentum = 0.9});
  flags().check = true;
  const Function step = function(model.inputs, {model.loss}, {.updates = updates.updates, .threads = 2});
  flags().check = false;
  const std::vector<Array> arrays = models::sample_lenet(2, 0, 1);
  const std::vector<Argument> arguments(arrays.begin(), arrays.end());
  CHECK_FALSE(step.from_cache());
  for (int i = 0; i < 2; ++i) CHECK_NOTHROW(step.call(arguments));
}

TEST_CASE("every step of the LSTM's training step does what the interpreter says") {
  const models::BuiltModel model = models::lstm_sentiment({.hidden = 12, .vocabulary = 9});
  const models::Updates updates =
      models::adadelta(model.training_loss, model.parameters, {.learning_rate = constant(Array::scalar(1.0f))});
  flags().check = true;
  const Function step =
      function(model.inputs, {model.training_loss}, {.updates = updates.updates, .threads = 2, .cache = false});
  flags().check = false;
  const Array ids = Array::of<std::int64_t>(std::vector<std::int64_t>{1, 4, 8, 2, 5, 0, 7, 0}, {4, 2});
  const Array mask = Array::of<float>(std::vector<float>{1, 1, 1, 1, 1, 0, 1, 0}, {4, 2});
  const Array labels = Array::of<std::int64_t>(std::vector<std::int64_t>{1, 0}, {2});
  for (int i = 0; i < 2; ++i) CHECK_NOTHROW(step(ids, mask, labels));
}
