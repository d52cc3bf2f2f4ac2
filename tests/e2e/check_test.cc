// BITALE_CHECK on a whole training step.
#include <cmath>

#include <bitale/bitale.h>

#include "models/optim/adaptive.h"
#include "models/optim/sgd.h"
#include "models/zoo/alexnet.h"
#include "models/zoo/digits_sample.h"
#include "models/zoo/lenet.h"
#include "models/zoo/lstm_sentiment.h"
#include "models/zoo/sae.h"
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
  const std::vector<Array> arrays = models::sample_digits(2, 0, 1);
  const std::vector<Argument> arguments(arrays.begin(), arrays.end());
  CHECK_FALSE(step.from_cache());
  for (int i = 0; i < 2; ++i) CHECK_NOTHROW(step.call(arguments));
}

namespace {

void check_every_step(const models::BuiltModel& model, const Tensor& loss, const std::vector<Array>& arrays) {
  const models::Updates updates =
      models::sgd(loss, model.parameters, {.learning_rate = constant(Array::scalar(0.1f)), .momentum = 0.9});
  flags().check = true;
  const Function step = function(model.inputs, {loss}, {.updates = updates.updates, .threads = 2, .cache = false});
  flags().check = false;
  const std::vector<Argument> arguments(arrays.begin(),
                                        arrays.begin() + static_cast<std::ptrdiff_t>(model.inputs.size()));
  for (int i = 0; i < 2; ++i) CHECK_NOTHROW(step.call(arguments));
}

}  // namespace

TEST_CASE("every step of AlexNet's training step does what the interpreter says") {
  for (const char* variant : {"exact", "no_lrn_no_groups"}) {
    models::AlexNetOptions options = models::alexnet_variant(variant);
    options.shrink = 16;
    options.input_size = 63;
    options.classes = 8;
    const models::BuiltModel model = models::alexnet(options);
    Array images(float32, {2, 3, 63, 63});
    float at = 0;
    for (float& v : images.view<float>()) v = std::sin(at += 0.7f);
    check_every_step(model, model.training_loss,
                     {images, Array::of<std::int64_t>(std::vector<std::int64_t>{5, 0}, {2})});
  }
}

TEST_CASE("every step of the stacked autoencoder's training steps does what the interpreter says") {
  models::SaeOptions options;
  options.widths = {784, 40, 20, 10};
  options.corruption = {0.1, 0, 0.3};
  options.random_last_layer = true;
  const models::BuiltModel model = models::sae(options);
  for (const char* name : {"ae1", "ae2", "ae3", "se"}) {
    INFO(name);
    const models::BuiltModel step = models::step_of(model, name);
    check_every_step(step, step.training_loss, models::sample_digits(3, 0, 1));
  }
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
