#include "models/zoo/lstm_sentiment.h"

#include <algorithm>

#include <fmt/format.h>

#include "models/data/study_lengths.h"
#include "models/layers/recurrent.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

using Cell = LstmSentimentOptions::Cell;
using Loss = LstmSentimentOptions::Loss;

constexpr std::int64_t classes = 2;
constexpr double weight_scale = 0.01, keep = 0.5, least_probability = 1e-8;

void check(const LstmSentimentOptions& o) {
  if (o.layers < 1) throw Error(fmt::format("lstm: the network has at least 1 layer, {} were asked for.", o.layers));
  if (o.hidden < 1) throw Error(fmt::format("lstm: the state has at least 1 element, {} were asked for.", o.hidden));
  if (o.vocabulary < 1)
    throw Error(fmt::format("lstm: the vocabulary has at least 1 word, {} were asked for.", o.vocabulary));
  if (o.batch && *o.batch < 1) throw Error(fmt::format("lstm: the batch must be at least 1, {} was given.", *o.batch));
  if (o.cell == Cell::gru && o.forget_offset != 0)
    throw Error(fmt::format("lstm: a GRU has no forget gate, and {} was given as its offset.", o.forget_offset));
  check_dtype("lstm", o.dtype);
}

// Empty for the study's layer.
std::string describe_layers(const LstmSentimentOptions& o) {
  if (o.cell == Cell::lstm && o.layers == 1) return "";
  const char* cell = o.cell == Cell::lstm ? "LSTM" : o.cell == Cell::gru ? "GRU" : "layer-normalised LSTM";
  return fmt::format("{} {} layer{}; ", o.layers, cell, o.layers == 1 ? "" : "s");
}

std::string describe(const LstmSentimentOptions& o) {
  const std::string forget = o.cell == Cell::gru ? "" : fmt::format("forget offset {}; ", o.forget_offset);
  return fmt::format("{}{} hidden; {} words; orthogonal blocks {}; {}{}; batch {}{}", describe_layers(o), o.hidden,
                     o.vocabulary, o.ortho_blocks == Blocks::repeated ? "repeated" : "independent", forget,
                     o.loss == Loss::offset ? "loss with 1e-8" : "fused loss", o.batch ? "constant" : "symbolic",
                     dtype_words(o.dtype));
}

Array gate_offsets(const LstmSentimentOptions& o, std::int64_t gates) {
  Array b = Array::zeros(float64, {gates * o.hidden});
  if (o.cell != Cell::gru) std::fill_n(b.view<double>().begin() + o.hidden, o.hidden, o.forget_offset);
  return b.cast(o.dtype);
}

// ---- layers ----

struct Layer {
  std::vector<Shared> parameters;
  Recurrent states;
};

template <class Parameters>
Layer layer_of(const Parameters& p, std::vector<Shared> parameters) {
  return {std::move(parameters), [p](const Tensor& x, const Tensor& mask) { return states(p, x, mask); }};
}

Layer make_layer(const LstmSentimentOptions& o, NumpyRandom& random, const std::string& prefix) {
  const std::int64_t h = o.hidden, gates = o.cell == Cell::gru ? 3 : 4;
  const Array in = orthogonal_blocks(random, h, gates, o.ortho_blocks, o.dtype);
  const Array back = orthogonal_blocks(random, h, gates, o.ortho_blocks, o.dtype);
  const Shared w(prefix + "W", in), u(prefix + "U", back), b(prefix + "b", gate_offsets(o, gates));
  const auto vector = [&](const char* name, std::int64_t size, double value) {
    return Shared(prefix + name, filled(size, value, o.dtype));
  };
  switch (o.cell) {
    case Cell::lstm:
      break;
    case Cell::normalised_lstm: {
      const NormalisedLstm p{w,
                             u,
                             b,
                             vector("scale_x", gates * h, 1),
                             vector("scale_h", gates * h, 1),
                             vector("scale_c", h, 1),
                             vector("shift_c", h, 0)};
      return layer_of(p, {w, u, b, p.scale_x, p.scale_h, p.scale_c, p.shift_c});
    }
    case Cell::gru: {
      const Gru p{w, u, b, vector("reset_b", h, 0)};
      return layer_of(p, {w, u, b, p.reset_b});
    }
  }
  return layer_of(Lstm{w, u, b}, {w, u, b});
}

std::vector<Layer> make_layers(const LstmSentimentOptions& o, NumpyRandom& random) {
  std::vector<Layer> layers;
  for (std::int64_t i = 1; i <= o.layers; ++i)
    layers.push_back(make_layer(o, random, o.layers == 1 ? "" : fmt::format("layer{}_", i)));
  return layers;
}

// ---- the network around them ----

// [B, h], from the states [T, B, h].
Tensor masked_mean(const Tensor& states, const Tensor& mask) {
  return sum(states * expand_dims(mask, 2), {0}) / expand_dims(sum(mask, {0}), 1);
}

Tensor loss_of(const Tensor& logits, const Tensor& labels, Loss loss) {
  if (loss == Loss::fused) return mean(cross_entropy(logits, labels));
  return -mean(log(pick(softmax(logits), labels) + least_probability));
}

}  // namespace

LstmSentimentOptions lstm_variant(const std::string& name) {
  if (name == "plain") return {};
  if (name == "layer_normalised") return {.cell = Cell::normalised_lstm};
  if (name == "gru2") return {.cell = Cell::gru, .layers = 2, .hidden = 200};
  throw Error(fmt::format("lstm: there is no variant '{}'; there are plain, layer_normalised, gru2.", name));
}

BuiltModel lstm_sentiment(const LstmSentimentOptions& options) {
  check(options);
  const std::int64_t h = options.hidden;
  const DType dtype = options.dtype;
  NumpyRandom random(options.seed);
  const Shared w_emb("Wemb", random.uniform(0, weight_scale, {options.vocabulary, h}, dtype));
  const std::vector<Layer> layers = make_layers(options, random);
  const Shared u2("U2", random.normal(weight_scale, {h, classes}, dtype)), b2("b2", Array::zeros(dtype, {classes}));

  const Dim steps("steps"), batch = options.batch ? Dim(*options.batch) : Dim("batch");
  const Tensor ids = input("ids", int64, {steps, batch}), mask = input("mask", dtype, {steps, batch});
  const Tensor labels = input("labels", int64, {batch});
  Tensor states = gather(w_emb, ids);
  for (const Layer& layer : layers) states = layer.states(states, mask);
  const Tensor features = masked_mean(states, mask);
  RandomStream dropout(options.seed, "dropout");
  const Tensor kept = cast(dropout.bernoulli(keep, {batch, h}), dtype);

  BuiltModel model;
  model.name = "lstm";
  model.variant = describe(options);
  model.inputs = {ids, mask, labels};
  model.input_names = {"ids", "mask", "labels"};
  model.logits = dot(keep * features, u2) + b2;
  model.loss = loss_of(model.logits, labels, options.loss);
  model.training_logits = dot(kept * features, u2) + b2;
  model.training_loss = loss_of(model.training_logits, labels, options.loss);
  model.random_states = {dropout.state()};
  model.parameters = {w_emb};
  for (const Layer& layer : layers)
    model.parameters.insert(model.parameters.end(), layer.parameters.begin(), layer.parameters.end());
  model.parameters.insert(model.parameters.end(), {u2, b2});
  return model;
}

BuiltModel build_lstm(const BuildOptions& options) {
  LstmSentimentOptions lstm_options = lstm_variant(options.variant.empty() ? "plain" : options.variant);
  lstm_options.batch = options.batch;
  lstm_options.hidden = options.hidden.value_or(lstm_options.hidden);
  lstm_options.vocabulary = options.vocabulary.value_or(lstm_options.vocabulary);
  lstm_options.seed = options.seed.value_or(lstm_options.seed);
  lstm_options.dtype = options.dtype;
  return lstm_sentiment(lstm_options);
}

std::vector<Array> sample_lstm(std::int64_t batch, std::int64_t steps, std::uint32_t seed) {
  const std::vector<std::int64_t> lengths(static_cast<std::size_t>(batch), steps);
  const std::vector<Sequence> sequences = random_sequences(lengths, seed);
  const Batch made = *Batches(sequences, {.batch = batch}).next();
  return {made.ids, made.mask, made.labels};
}

}  // namespace bitale::models
