#include "models/zoo/alexnet.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/data/numpy_random.h"
#include "models/layers/initial.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

using Round = AlexNetOptions::Round;
using LrnPosition = AlexNetOptions::LrnPosition;

constexpr std::int64_t image_channels = 3, window = 3, window_stride = 2, dense_units = 4096;
constexpr double keep = 0.5, sample_deviation = 0.1;

struct ConvLayer {
  std::int64_t kernel, stride, out;
  double bias;
  bool pooled, normalised;
};
constexpr ConvLayer conv_layers[] = {
    {11, 4, 96, 0, true, true},     {5, 1, 256, 0.1, true, true}, {3, 1, 384, 0, false, false},
    {3, 1, 384, 0.1, false, false}, {3, 1, 256, 0, true, false},
};

struct DenseLayer {
  double deviation, bias;
};
constexpr DenseLayer dense_layers[] = {{0.005, 0.1}, {0.005, 0.1}, {0.01, 0}};
constexpr double conv_deviation = 0.01;

void check(const AlexNetOptions& o) {
  const auto require = [](bool good, const std::string& what) {
    if (!good) throw Error("alexnet: " + what);
  };
  require(!o.batch || *o.batch >= 1, fmt::format("the batch must be at least 1, {} was given.", o.batch.value_or(0)));
  require(o.classes >= 1, fmt::format("there must be at least 1 class, {} were asked for.", o.classes));
  require(o.conv1_pad >= 0, fmt::format("the padding must not be negative, {} was given.", o.conv1_pad));
  check_dtype("alexnet", o.dtype);
  require(o.shrink >= 1 && conv_layers[0].out % o.shrink == 0 && dense_units % o.shrink == 0,
          fmt::format("shrink must divide 32, {} was given.", o.shrink));
  for (std::size_t i = 0; i < o.groups.size(); ++i) {
    const std::int64_t g = o.groups[i];
    require(g >= 1 && conv_layers[i].out / o.shrink % g == 0 && conv_layers[i + 1].out / o.shrink % g == 0,
            fmt::format("conv{} cannot have {} groups: it has {} input channels and {} filters.", i + 2, g,
                        conv_layers[i].out / o.shrink, conv_layers[i + 1].out / o.shrink));
  }
}

// ---- extents ----

std::int64_t windows(std::int64_t extent, std::int64_t kernel, std::int64_t stride, Round round) {
  const std::int64_t moves = extent - kernel;
  if (moves < 0) return 0;
  return (round == Round::ceil ? (moves + stride - 1) / stride : moves / stride) + 1;
}

std::int64_t padding_of(std::size_t layer, const AlexNetOptions& o) {
  return layer == 0 ? o.conv1_pad : conv_layers[layer].kernel / 2;
}

// What conv1 has behind its image besides the padding.
std::int64_t extra_padding(std::size_t layer, const AlexNetOptions& o) {
  if (layer > 0 || o.conv1_round == Round::floor) return 0;
  const auto [kernel, stride] = std::pair(conv_layers[0].kernel, conv_layers[0].stride);
  const std::int64_t whole = o.input_size + 2 * o.conv1_pad;
  return std::max<std::int64_t>((windows(whole, kernel, stride, Round::ceil) - 1) * stride + kernel - whole, 0);
}

// Of the images that the dense layers get.
std::int64_t last_side(const AlexNetOptions& o) {
  std::int64_t side = o.input_size;
  for (std::size_t i = 0; i < std::size(conv_layers); ++i) {
    const ConvLayer& layer = conv_layers[i];
    side = windows(side + 2 * padding_of(i, o) + extra_padding(i, o), layer.kernel, layer.stride, Round::floor);
    if (layer.pooled) side = windows(side, window, window_stride, o.pool_round);
    if (side < 1)
      throw Error(fmt::format("alexnet: images of {0} x {0} are too small: nothing is left of them behind conv{1}.",
                              o.input_size, i + 1));
  }
  return side;
}

// ---- layers ----

class Parameters {
 public:
  explicit Parameters(const AlexNetOptions& options) : options_(options), random_(options.seed) {}

  Shared weights(const std::string& name, double deviation, std::int64_t fan_in, Extents shape) {
    if (options_.scaled_weights) deviation = std::sqrt(2.0 / static_cast<double>(fan_in));
    return add(name, options_.zero_parameters ? Array::zeros(options_.dtype, std::move(shape))
                                              : random_.normal(deviation, std::move(shape), options_.dtype));
  }

  Shared biases(const std::string& name, double value, std::int64_t count) {
    return add(name, filled(count, value, options_.dtype));
  }

  const std::vector<Shared>& all() const { return all_; }

 private:
  Shared add(const std::string& name, const Array& value) { return all_.emplace_back(name, value); }

  const AlexNetOptions& options_;
  NumpyRandom random_;
  std::vector<Shared> all_;
};

// The groups' filters in one tensor, and their biases: as one convolution they need no copies of images.
struct Filters {
  Tensor weights, biases;
};

Filters filters(Parameters& parameters, std::size_t layer, std::int64_t in, std::int64_t groups, std::int64_t out) {
  const std::int64_t kernel = conv_layers[layer].kernel;
  std::vector<Tensor> weights, biases;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::string suffix = fmt::format("{}{}", layer + 1, groups == 1 ? "" : fmt::format("_{}", g));
    weights.emplace_back(parameters.weights("W" + suffix, conv_deviation, in / groups * kernel * kernel,
                                            {out / groups, in / groups, kernel, kernel}));
    biases.emplace_back(parameters.biases("b" + suffix, conv_layers[layer].bias, out / groups));
  }
  return groups == 1 ? Filters{weights[0], biases[0]} : Filters{concatenate(weights), concatenate(biases)};
}

Tensor conv_layer(Parameters& parameters, const Tensor& images, std::size_t i, std::int64_t in,
                  const AlexNetOptions& o) {
  const ConvLayer& layer = conv_layers[i];
  const std::int64_t out = layer.out / o.shrink, groups = i == 0 ? 1 : o.groups[i - 1];
  const std::int64_t pad = padding_of(i, o), end = pad + extra_padding(i, o);
  const Filters f = filters(parameters, i, in, groups, out);
  Tensor t = conv2d(images, f.weights, {.stride = {layer.stride}, .padding = {pad, end, pad, end}, .groups = groups});
  t = relu(t + reshape(f.biases, {1, out, 1, 1}));
  const bool normalised = o.normalised && layer.normalised;
  if (normalised && o.lrn_position == LrnPosition::before_pool) t = lrn(t, o.lrn);
  if (layer.pooled)
    t = max_pool2d(t, {.window = {window}, .stride = {window_stride}, .ceil = o.pool_round == Round::ceil});
  if (normalised && o.lrn_position == LrnPosition::after_pool) t = lrn(t, o.lrn);
  return t;
}

struct Dense {
  Shared weights, biases;
};

// [batch, classes]; `kept` are factors of the units of the first two layers.
Tensor logits_of(Tensor t, const std::vector<Dense>& layers, const std::vector<Operand>& kept) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    t = dot(t, layers[i].weights) + layers[i].biases;
    if (i < kept.size()) t = relu(t) * kept[i];
  }
  return t;
}

std::string describe(const AlexNetOptions& o) {
  std::string lrn = "no LRN";
  if (o.normalised) {
    lrn = fmt::format("LRN {} pooling (size {}, k {}, alpha {}{}, beta {})",
                      o.lrn_position == LrnPosition::after_pool ? "after" : "before", o.lrn.size, o.lrn.k, o.lrn.alpha,
                      o.lrn.divide_alpha ? " divided" : "", o.lrn.beta);
  }
  return fmt::format(
      "images {0} x {0}, conv1 padded by {1}{2}; groups {3}; {4}; pools round {5}; {6} dropout; {7}batch {8}{9}",
      o.input_size, o.conv1_pad, o.conv1_round == Round::ceil ? ", rounded up" : "", fmt::join(o.groups, " "), lrn,
      o.pool_round == Round::floor ? "down" : "up", o.dropout_scaled ? "scaled" : "unscaled",
      o.scaled_weights ? "scaled weights; " : "", o.batch ? "constant" : "symbolic", dtype_words(o.dtype));
}

}  // namespace

AlexNetOptions alexnet_variant(const std::string& name) {
  AlexNetOptions options;
  if (name == "exact") return options;
  options.normalised = false;
  if (name == "no_lrn") return options;
  options.groups = {1, 1, 1, 1};
  if (name == "no_lrn_no_groups") return options;
  throw Error(fmt::format("alexnet: there is no variant '{}'; there are exact, no_lrn, no_lrn_no_groups.", name));
}

BuiltModel alexnet(const AlexNetOptions& options) {
  check(options);
  const std::int64_t side = last_side(options), units = dense_units / options.shrink;
  const Dim batch = options.batch ? Dim(*options.batch) : Dim("batch");
  const Tensor x = input("x", options.dtype, {batch, image_channels, options.input_size, options.input_size});
  const Tensor y = input("y", int64, {batch});

  Parameters parameters(options);
  Tensor images = x;
  std::int64_t channels = image_channels;
  for (std::size_t i = 0; i < std::size(conv_layers); ++i) {
    images = conv_layer(parameters, images, i, channels, options);
    channels = conv_layers[i].out / options.shrink;
  }
  const std::int64_t features = channels * side * side;
  std::vector<Dense> layers;
  for (std::size_t i = 0; i < std::size(dense_layers); ++i) {
    const std::int64_t in = i == 0 ? features : units, out = i == 2 ? options.classes : units;
    const std::size_t number = std::size(conv_layers) + i + 1;
    const Shared weights = parameters.weights(fmt::format("W{}", number), dense_layers[i].deviation, in, {in, out});
    layers.push_back({weights, parameters.biases(fmt::format("b{}", number), dense_layers[i].bias, out)});
  }

  RandomStream dropout(options.seed, "dropout");
  std::vector<Operand> masks;
  for (int i = 0; i < 2; ++i) {
    const Tensor mask = cast(dropout.bernoulli(keep, {batch, units}), options.dtype);
    masks.emplace_back(options.dropout_scaled ? mask / keep : mask);
  }
  const std::vector<Operand> halves(2, Operand(options.dropout_scaled ? 1.0 : keep));
  const Tensor flat = reshape(images, {batch, features});

  BuiltModel model;
  model.name = "alexnet";
  model.variant = describe(options);
  model.inputs = {x, y};
  model.input_names = {"x", "y"};
  model.logits = logits_of(flat, layers, halves);
  model.loss = mean(cross_entropy(model.logits, y));
  model.training_logits = logits_of(flat, layers, masks);
  model.training_loss = mean(cross_entropy(model.training_logits, y));
  model.random_states = {dropout.state()};
  model.parameters = parameters.all();
  model.data = x;
  return model;
}

BuiltModel build_alexnet(const BuildOptions& options) {
  AlexNetOptions o = alexnet_variant(options.variant.empty() ? "exact" : options.variant);
  o.batch = options.batch;
  o.seed = options.seed.value_or(o.seed);
  o.scaled_weights = options.scaled_weights;
  o.dtype = options.dtype;
  o.zero_parameters = options.graph_only;
  return alexnet(o);
}

std::vector<Array> sample_alexnet(std::int64_t batch, std::int64_t, std::uint32_t seed) {
  const AlexNetOptions defaults;
  NumpyRandom random(seed);
  Array images = random.normal(sample_deviation, {batch, image_channels, defaults.input_size, defaults.input_size});
  Array labels(int64, {batch});
  for (std::int64_t& label : labels.view<std::int64_t>())
    label = random.below(static_cast<std::int32_t>(defaults.classes));
  return {images, labels};
}

}  // namespace bitale::models
