#include "models/zoo/lenet.h"

#include <fmt/format.h>

#include "models/data/mnist.h"
#include "models/data/numpy_random.h"
#include "models/layers/initial.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

using StageOrder = LeNetOptions::StageOrder;
using LastLayer = LeNetOptions::LastLayer;

constexpr std::int64_t side = 28, kernel = 5, conv1_filters = 20, hidden = 500, classes = 10;
constexpr std::int64_t conv1_side = side - kernel + 1;            // 24
constexpr std::int64_t conv2_side = conv1_side / 2 - kernel + 1;  // 8
constexpr std::int64_t last_side = conv2_side / 2;                // 4

Array convolution_weights(NumpyRandom& random, std::int64_t out, std::int64_t in, DType dtype) {
  constexpr std::int64_t area = kernel * kernel, pooled = 4;
  return glorot(random, in * area, out * area / pooled, {out, in, kernel, kernel}, dtype);
}

Tensor stage(const Tensor& images, const Shared& weights, const Shared& offset, const LeNetOptions& options) {
  const auto add_bias = [&](const Tensor& t) { return t + reshape(offset, {1, offset.tensor().dim(0), 1, 1}); };
  const Tensor convolved = conv2d(images, weights, {.flip = options.flip});
  switch (options.stage_order) {
    case StageOrder::bias_pool_tanh:
      return tanh(max_pool2d(add_bias(convolved)));
    case StageOrder::bias_tanh_pool:
      return max_pool2d(tanh(add_bias(convolved)));
    case StageOrder::pool_bias_tanh:
      break;
  }
  return tanh(add_bias(max_pool2d(convolved)));
}

const char* words(StageOrder order) {
  switch (order) {
    case StageOrder::bias_pool_tanh:
      return "bias, pool, tanh";
    case StageOrder::bias_tanh_pool:
      return "bias, tanh, pool";
    case StageOrder::pool_bias_tanh:
      break;
  }
  return "pool, bias, tanh";
}

std::string describe(const LeNetOptions& o) {
  return fmt::format(
      "{} filters in conv2; {}; {}; last layer {}; {}; batch {}{}", o.conv2_filters, words(o.stage_order),
      o.flip ? "convolution" : "correlation", o.last_layer == LastLayer::zero ? "zero" : "random",
      o.dense_biases ? "dense biases" : "no dense biases", o.batch ? "constant" : "symbolic", dtype_words(o.dtype));
}

void check(const LeNetOptions& o) {
  if (o.conv2_filters != 50 && o.conv2_filters != 52)
    throw Error(fmt::format("lenet: conv2 has 50 or 52 filters, {} were asked for.", o.conv2_filters));
  if (o.batch && *o.batch < 1) throw Error(fmt::format("lenet: the batch must be at least 1, {} was given.", *o.batch));
  check_dtype("lenet", o.dtype);
}

}  // namespace

BuiltModel lenet(const LeNetOptions& options) {
  check(options);
  const std::int64_t filters = options.conv2_filters, features = filters * last_side * last_side;
  const DType dtype = options.dtype;
  NumpyRandom random(options.seed);
  const Shared w1("W1", convolution_weights(random, conv1_filters, 1, dtype));
  const Shared w2("W2", convolution_weights(random, filters, conv1_filters, dtype));
  const Shared w3("W3", glorot(random, features, hidden, {features, hidden}, dtype));
  const Shared w4("W4", options.last_layer == LastLayer::random
                            ? glorot(random, hidden, classes, {hidden, classes}, dtype)
                            : Array::zeros(dtype, {hidden, classes}));
  const auto bias = [&](const char* name, std::int64_t count) { return Shared(name, Array::zeros(dtype, {count})); };
  const Shared b1 = bias("b1", conv1_filters), b2 = bias("b2", filters), b3 = bias("b3", hidden),
               b4 = bias("b4", classes);

  const Dim batch = options.batch ? Dim(*options.batch) : Dim("batch");
  const Tensor x = input("x", dtype, {batch, digit_pixels}), y = input("y", int32, {batch});
  const Tensor images = reshape(x, {batch, 1, side, side});
  const Tensor features_of = reshape(stage(stage(images, w1, b1, options), w2, b2, options), {batch, features});
  const Tensor dense1 = dot(features_of, w3);
  const Tensor active = relu(options.dense_biases ? dense1 + b3 : dense1);
  const Tensor dense2 = dot(active, w4);

  BuiltModel model;
  model.name = "lenet";
  model.variant = describe(options);
  model.inputs = {x, y};
  model.input_names = {"x", "y"};
  model.logits = options.dense_biases ? dense2 + b4 : dense2;
  model.loss = mean(cross_entropy(model.logits, y));
  model.training_loss = model.loss;
  model.training_logits = model.logits;
  model.parameters = {w4, w3, w2, w1};
  if (options.dense_biases) model.parameters.insert(model.parameters.end(), {b4, b3});
  model.parameters.insert(model.parameters.end(), {b2, b1});
  model.data = x;
  return model;
}

BuiltModel build_lenet(const BuildOptions& options) {
  LeNetOptions lenet_options;
  lenet_options.last_layer = options.random_last_layer ? LastLayer::random : LastLayer::zero;
  lenet_options.batch = options.batch;
  lenet_options.seed = options.seed.value_or(lenet_options.seed);
  lenet_options.dtype = options.dtype;
  return lenet(lenet_options);
}

}  // namespace bitale::models
