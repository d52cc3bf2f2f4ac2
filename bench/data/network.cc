#include "bench/data/network.h"

#include "models/data/numpy_random.h"
#include "models/layers/initial.h"
#include "models/optim/optimizer.h"

namespace bitale::bench {
namespace {

constexpr std::int64_t filters1 = 16, filters2 = 32, classes = 1000;
constexpr std::int64_t kernel1 = 11, kernel2 = 5;
constexpr std::uint32_t seed = 1;
constexpr float learning_rate = 1e-6f;  // pixels are up to 255: small enough for the loss to stay a number

Array weights(models::NumpyRandom& random, std::int64_t out, std::int64_t in, std::int64_t kernel) {
  return models::glorot(random, in * kernel * kernel, out * kernel * kernel, {out, in, kernel, kernel});
}

}  // namespace

models::BuiltModel small_network(std::int64_t side) {
  models::NumpyRandom random(seed);
  const Shared w1("w1", weights(random, filters1, models::picture_channels, kernel1));
  const Shared w2("w2", weights(random, filters2, filters1, kernel2));
  const Shared w3("w3", models::glorot(random, filters2, classes, {filters2, classes}));
  const Dim batch("batch");
  const Tensor x = input("x", float32, {batch, models::picture_channels, side, side}), y = input("y", int32, {batch});
  const Tensor first = max_pool2d(relu(conv2d(x, w1, {.stride = {4}, .padding = kernel1 / 2})));
  const Tensor second = relu(conv2d(first, w2, {.padding = kernel2 / 2}));

  models::BuiltModel model;
  model.name = "small";
  model.variant = "two convolutions and a dense layer";
  model.inputs = {x, y};
  model.input_names = {"x", "y"};
  model.logits = dot(mean(second, {2, 3}), w3);
  model.loss = mean(cross_entropy(model.logits, y));
  model.training_loss = model.loss;
  model.training_logits = model.logits;
  model.parameters = {w1, w2, w3};
  return model;
}

Step training_step(const models::BuiltModel& model, int threads) {
  const Tensor rate = constant(Array::scalar(learning_rate));
  const models::Updates updates =
      models::find_optimizer("sgd").step(model.training_loss, model.parameters, {.learning_rate = rate});
  const Function function =
      bitale::function(model.inputs, {model.training_loss},
                       {.updates = updates.updates, .name = model.name + "_step", .threads = threads});
  const DType labels = model.inputs.back().dtype();
  return [function, labels](const models::ImageBatch& batch) {
    const std::vector<Argument> arguments{batch.images,
                                          batch.labels.dtype() == labels ? batch.labels : batch.labels.cast(labels)};
    return function.call(arguments)[0].at(0);
  };
}

}  // namespace bitale::bench
