#include "models/zoo/lstm_sentiment.h"

#include <algorithm>

#include <fmt/format.h>

#include "models/data/study_lengths.h"
#include "models/layers/recurrent.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

using Loss = LstmSentimentOptions::Loss;

constexpr std::int64_t classes = 2, gates = 4;
constexpr double weight_scale = 0.01, keep = 0.5, least_probability = 1e-8;

void check(const LstmSentimentOptions& o) {
  if (o.hidden < 1) throw Error(fmt::format("lstm: the state has at least 1 element, {} were asked for.", o.hidden));
  if (o.vocabulary < 1)
    throw Error(fmt::format("lstm: the vocabulary has at least 1 word, {} were asked for.", o.vocabulary));
  if (o.batch && *o.batch < 1) throw Error(fmt::format("lstm: the batch must be at least 1, {} was given.", *o.batch));
}

std::string describe(const LstmSentimentOptions& o) {
  return fmt::format("{} hidden; {} words; orthogonal blocks {}; forget offset {}; {}; batch {}", o.hidden,
                     o.vocabulary, o.ortho_blocks == Blocks::repeated ? "repeated" : "independent", o.forget_offset,
                     o.loss == Loss::offset ? "loss with 1e-8" : "fused loss", o.batch ? "constant" : "symbolic");
}

Array gate_offsets(const LstmSentimentOptions& o) {
  Array b = Array::zeros(float32, {gates * o.hidden});
  std::fill_n(b.view<float>().begin() + o.hidden, o.hidden, static_cast<float>(o.forget_offset));
  return b;
}

// [B, h], from the states [T, B, h].
Tensor masked_mean(const Tensor& states, const Tensor& mask) {
  return sum(states * expand_dims(mask, 2), {0}) / expand_dims(sum(mask, {0}), 1);
}

Tensor loss_of(const Tensor& logits, const Tensor& labels, Loss loss) {
  if (loss == Loss::fused) return mean(cross_entropy(logits, labels));
  return -mean(log(pick(softmax(logits), labels) + least_probability));
}

}  // namespace

BuiltModel lstm_sentiment(const LstmSentimentOptions& options) {
  check(options);
  const std::int64_t h = options.hidden;
  NumpyRandom random(options.seed);
  Array words = random.uniform(0, weight_scale, {options.vocabulary, h});
  Array in = orthogonal_blocks(random, h, gates, options.ortho_blocks);
  Array back = orthogonal_blocks(random, h, gates, options.ortho_blocks);
  const Shared w_emb("Wemb", words), u2("U2", random.normal(weight_scale, {h, classes}));
  const Shared b2("b2", Array::zeros(float32, {classes}));
  const Lstm layer{Shared("W", in), Shared("U", back), Shared("b", gate_offsets(options))};

  const Dim steps("steps"), batch = options.batch ? Dim(*options.batch) : Dim("batch");
  const Tensor ids = input("ids", int64, {steps, batch}), mask = input("mask", float32, {steps, batch});
  const Tensor labels = input("labels", int64, {batch});
  const Tensor features = masked_mean(states(layer, gather(w_emb, ids), mask), mask);
  RandomStream dropout(options.seed, "dropout");
  const Tensor kept = cast(dropout.bernoulli(keep, {batch, h}), float32);

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
  model.parameters = {w_emb, layer.w, layer.u, layer.b, u2, b2};
  return model;
}

BuiltModel build_lstm(const BuildOptions& options) {
  LstmSentimentOptions lstm_options;
  lstm_options.batch = options.batch;
  lstm_options.hidden = options.hidden.value_or(lstm_options.hidden);
  lstm_options.vocabulary = options.vocabulary.value_or(lstm_options.vocabulary);
  lstm_options.seed = options.seed.value_or(lstm_options.seed);
  return lstm_sentiment(lstm_options);
}

std::vector<Array> sample_lstm(std::int64_t batch, std::int64_t steps, std::uint32_t seed) {
  const std::vector<std::int64_t> lengths(static_cast<std::size_t>(batch), steps);
  const std::vector<Sequence> sequences = random_sequences(lengths, seed);
  const Batch made = *Batches(sequences, {.batch = batch}).next();
  return {made.ids, made.mask, made.labels};
}

}  // namespace bitale::models
