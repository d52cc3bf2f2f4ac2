#include "models/zoo/sae.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/data/mnist.h"
#include "models/data/numpy_random.h"
#include "models/layers/initial.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

using Scale = SaeOptions::Scale;
using Reconstruction = SaeOptions::Reconstruction;

constexpr std::int64_t classes = 10;
constexpr double sigmoid_gain = 4;  // of initial weights before a sigmoid

void check(const SaeOptions& o) {
  if (o.widths.size() < 2 || std::ranges::min(o.widths) < 1)
    throw Error(fmt::format("sae: widths are those of the images and of at least one encoder, {} were given.",
                            fmt::join(o.widths, "-")));
  const std::size_t encoders = o.widths.size() - 1;
  if (!o.corruption.empty() && o.corruption.size() != encoders)
    throw Error(fmt::format("sae: {} encoders have as many levels of corruption, {} were given.", encoders,
                            o.corruption.size()));
  for (const double level : o.corruption)
    if (!(level >= 0 && level < 1))
      throw Error(fmt::format("sae: corruption is at least 0 and less than 1, {} was given.", level));
  if (o.batch && *o.batch < 1) throw Error(fmt::format("sae: the batch must be at least 1, {} was given.", *o.batch));
  check_dtype("sae", o.dtype);
}

// ---- parameters ----

struct Layer {
  Shared w, b, c;
  std::optional<Shared> d{};  // unless tied
};

struct Parameters {
  std::vector<Layer> layers;
  Shared v, v_bias;
};

Array uniform(NumpyRandom& random, double gain, std::int64_t n, std::int64_t m, Extents shape, DType dtype) {
  const double bound = gain * std::sqrt(6.0 / static_cast<double>(n + m));
  return random.uniform(-bound, bound, std::move(shape), dtype);
}

Parameters parameters(const SaeOptions& o) {
  NumpyRandom random(o.seed);
  std::vector<Layer> layers;
  for (std::size_t i = 1; i < o.widths.size(); ++i) {
    const std::int64_t n = o.widths[i - 1], m = o.widths[i];
    const Shared w(fmt::format("W{}", i), uniform(random, sigmoid_gain, n, m, {n, m}, o.dtype));
    layers.push_back({w, Shared(fmt::format("b{}", i), Array::zeros(o.dtype, {m})),
                      Shared(fmt::format("c{}", i), Array::zeros(o.dtype, {n}))});
  }
  for (std::size_t i = 1; !o.tied && i < o.widths.size(); ++i) {
    const std::int64_t n = o.widths[i - 1], m = o.widths[i];
    layers[i - 1].d = Shared(fmt::format("D{}", i), uniform(random, sigmoid_gain, n, m, {m, n}, o.dtype));
  }
  const std::int64_t last = o.widths.back();
  const Array v = o.random_last_layer ? uniform(random, 1, last, classes, {last, classes}, o.dtype)
                                      : Array::zeros(o.dtype, {last, classes});
  return {layers, Shared("V", v), Shared("v", Array::zeros(o.dtype, {classes}))};
}

// ---- steps ----

Tensor encode(const Layer& layer, const Tensor& below) { return sigmoid(dot(below, layer.w) + layer.b); }

// Before the sigmoid.
Tensor decode(const Layer& layer, const Tensor& hidden) {
  return dot(hidden, layer.d ? layer.d->tensor() : transpose(layer.w)) + layer.c;
}

// A scalar; `decoded` is before the sigmoid.
Tensor error_of(const Tensor& decoded, const Tensor& target, const SaeOptions& o) {
  if (o.reconstruction == Reconstruction::cross_entropy)
    return mean(sum(binary_cross_entropy_with_logits(decoded, target), {1}));
  const Tensor squares = square(target - sigmoid(decoded));
  switch (o.scale) {
    case Scale::mean:
      return mean(squares);
    case Scale::half_sum:
      return 0.5 * mean(sum(squares, {1}));
    case Scale::sum:
      break;
  }
  return mean(sum(squares, {1}));
}

// The step that trains `layer`, on top of `below`.
void autoencoder(BuiltModel& step, const Layer& layer, const Tensor& below, double corruption, const SaeOptions& o) {
  const Tensor target = stop_gradient(below);
  const Tensor decoded = decode(layer, encode(layer, below));
  step.loss = error_of(decoded, target, o);
  step.logits = sigmoid(decoded);
  step.training_loss = step.loss;
  step.training_logits = step.logits;
  step.data = below;
  if (corruption > 0) {
    RandomStream stream(o.seed, "corruption_" + step.step);
    const Tensor kept = cast(stream.bernoulli(1 - corruption, below.shape()), o.dtype);
    const Tensor from_part = decode(layer, encode(layer, below * kept));
    step.training_loss = error_of(from_part, target, o);
    step.training_logits = sigmoid(from_part);
    step.random_states = {stream.state()};
  }
  step.parameters.push_back(layer.w);
  if (layer.d) step.parameters.push_back(*layer.d);
  step.parameters.insert(step.parameters.end(), {layer.b, layer.c});
}

const char* words(Scale scale) {
  return scale == Scale::sum ? "sum" : scale == Scale::mean ? "mean" : "half of the sum";
}

std::string describe(const SaeOptions& o) {
  const std::string error = o.reconstruction == Reconstruction::squared
                                ? fmt::format("squared error, {} over a row", words(o.scale))
                                : "cross-entropy of the reconstruction";
  const std::string corruption =
      o.corruption.empty() ? "no corruption" : fmt::format("corruption {}", fmt::join(o.corruption, " "));
  return fmt::format("{}; {}; {}; {}; {}; last layer {}; batch {}{}", fmt::join(o.widths, "-"),
                     o.tied ? "tied weights" : "untied weights", error,
                     o.backward_all ? "backward through all encoders" : "encoders below forward only", corruption,
                     o.random_last_layer ? "random" : "zero", o.batch ? "constant" : "symbolic", dtype_words(o.dtype));
}

}  // namespace

SaeOptions sae_variant(const std::string& name) {
  SaeOptions options;
  if (name == "small") return options;
  options.widths = {784, 800, 1000, 2000};
  if (name == "large") return options;
  throw Error(fmt::format("sae: there is no variant '{}'; there are small, large.", name));
}

BuiltModel sae(const SaeOptions& options) {
  check(options);
  const Parameters p = parameters(options);
  const Dim batch = options.batch ? Dim(*options.batch) : Dim("batch");
  const Tensor x = input("x", options.dtype, {batch, options.widths[0]}), y = input("y", int32, {batch});

  BuiltModel model;
  model.name = "sae";
  model.step = "se";
  model.variant = describe(options);
  model.inputs = {x, y};
  model.input_names = {"x", "y"};
  model.data = x;
  Tensor below = x;
  std::vector<Shared> encoders;
  for (std::size_t i = 0; i < p.layers.size(); ++i) {
    const Layer& layer = p.layers[i];
    BuiltModel step;
    step.name = model.name;
    step.step = fmt::format("ae{}", i + 1);
    step.variant = model.variant;
    step.inputs = {x};
    step.input_names = {"x"};
    (options.backward_all ? step.parameters : step.fixed) = encoders;
    autoencoder(step, layer, below, options.corruption.empty() ? 0 : options.corruption[i], options);
    model.before.push_back(std::move(step));
    encoders.insert(encoders.end(), {layer.w, layer.b});
    below = encode(layer, below);
  }
  model.logits = dot(below, p.v) + p.v_bias;
  model.loss = mean(cross_entropy(model.logits, y));
  model.training_loss = model.loss;
  model.training_logits = model.logits;
  model.parameters = encoders;
  model.parameters.insert(model.parameters.end(), {p.v, p.v_bias});
  return model;
}

BuiltModel build_sae(const BuildOptions& options) {
  SaeOptions o = sae_variant(options.variant.empty() ? "small" : options.variant);
  o.random_last_layer = options.random_last_layer;
  o.batch = options.batch;
  o.seed = options.seed.value_or(o.seed);
  o.dtype = options.dtype;
  return sae(o);
}

}  // namespace bitale::models
