#include "models/zoo/lstm_sentiment.h"

#include <cmath>

#include "models/data/study_lengths.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

namespace {

const LstmSentimentOptions small = {.hidden = 8, .vocabulary = 50};

std::vector<Argument> arguments(const Batch& batch) { return {batch.ids, batch.mask, batch.labels}; }

Batch batch_of(const std::vector<std::int64_t>& lengths, std::int32_t words, std::uint32_t seed = 1) {
  std::vector<models::Sequence> sequences = random_sequences(lengths, seed);
  for (models::Sequence& sequence : sequences)
    for (std::int32_t& id : sequence.ids) id = 1 + id % (words - 1);
  return *Batches(sequences, {.batch = static_cast<std::int64_t>(lengths.size())}).next();
}

std::vector<double> numbers(const Shared& parameter) {
  const Array value = parameter.get();
  std::vector<double> out;
  for (std::int64_t i = 0; i < value.size(); ++i) out.push_back(value.at(i));
  return out;
}

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// The loss, in plain C++ from the description of the network; `drop` is what the mean of the states is multiplied with.
double loss_by_hand(const BuiltModel& model, const Batch& batch, const std::vector<double>& drop) {
  const auto p = [&](std::size_t i) { return numbers(model.parameters[i]); };
  const std::vector<double> words = p(0), w = p(1), u = p(2), b = p(3), u2 = p(4), b2 = p(5);
  const std::size_t n = b.size() / 4, columns = batch.sequences.size();
  const auto steps = static_cast<std::size_t>(batch.ids.shape()[0]);
  double loss = 0;
  for (std::size_t k = 0; k < columns; ++k) {
    std::vector<double> h(n), c(n), total(n);
    double count = 0;
    for (std::size_t t = 0; t < steps; ++t) {
      const double m = batch.mask.at(static_cast<std::int64_t>(t * columns + k));
      const auto word = static_cast<std::size_t>(batch.ids.at(static_cast<std::int64_t>(t * columns + k)));
      std::vector<double> a = b;
      for (std::size_t j = 0; j < 4 * n; ++j)
        for (std::size_t i = 0; i < n; ++i) a[j] += words[word * n + i] * w[i * 4 * n + j] + h[i] * u[i * 4 * n + j];
      for (std::size_t i = 0; i < n; ++i) {
        const double next = sigma(a[n + i]) * c[i] + sigma(a[i]) * std::tanh(a[3 * n + i]);
        c[i] = m * next + (1 - m) * c[i];
        h[i] = m * sigma(a[2 * n + i]) * std::tanh(c[i]) + (1 - m) * h[i];
        total[i] += m * h[i];
      }
      count += m;
    }
    double z[2] = {b2[0], b2[1]};
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < 2; ++j) z[j] += drop[k * n + i] * total[i] / count * u2[i * 2 + j];
    const auto label = static_cast<std::size_t>(batch.labels.at(static_cast<std::int64_t>(k)));
    loss -= std::log(std::exp(z[label]) / (std::exp(z[0]) + std::exp(z[1])) + 1e-8);
  }
  return loss / static_cast<double>(columns);
}

// So that the classifier's scores differ.
void make_classifier_large(const BuiltModel& model) {
  Array u2 = model.parameters[4].get();
  for (float& v : u2.view<float>()) v *= 300;
  Shared(model.parameters[4]).set(u2);
}

}  // namespace

TEST_CASE("the LSTM has 1,411,842 parameters in six arrays, in the order of the study") {
  const BuiltModel model = lstm_sentiment();
  std::string names;
  std::int64_t count = 0;
  for (const Shared& p : model.parameters) {
    names += p.name() + " ";
    count += p.get().size();
  }
  CHECK(names == "Wemb W U b U2 b2 ");
  CHECK(count == 1411842);
  CHECK(model.parameters[0].get().shape() == Extents{10000, 128});
  for (const double v : numbers(model.parameters[3])) REQUIRE(v == 0);
  NumpyRandom random(123);
  CHECK(model.parameters[0].get().at(0) == static_cast<float>(0.01 * random.uniform()));
}

TEST_CASE("the loss is that of the network written out, for sequences of any length by one compilation") {
  const BuiltModel model = lstm_sentiment(small);
  make_classifier_large(model);
  const Function loss = function(model.inputs, {model.loss});
  for (const std::vector<std::int64_t>& lengths : {std::vector<std::int64_t>{1}, {7, 3}, {2, 9, 4, 4, 1}}) {
    const Batch batch = batch_of(lengths, 50);
    const std::vector<double> half(lengths.size() * 8, 0.5);
    CHECK(loss.call(arguments(batch))[0].at(0) == Approx(loss_by_hand(model, batch, half)).epsilon(1e-5));
  }
}

TEST_CASE("gradients agree with differences of the loss, that of the embedding for the words that were read") {
  const BuiltModel model = lstm_sentiment(small);
  make_classifier_large(model);
  const Function gradient = function(model.inputs, grad(model.loss, model.parameter_tensors()));
  const Batch batch = batch_of({6, 2, 4}, 50);
  const std::vector<double> half(24, 0.5);
  const std::vector<Array> gradients = gradient.call(arguments(batch));
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    INFO(model.parameters[p].name());
    const std::int64_t size = gradients[p].size();
    const std::int64_t word = static_cast<std::int64_t>(batch.ids.at(0)) * 8;
    for (const std::int64_t at : {p == 0 ? word + 3 : size / 3, p == 0 ? 0 : size - 1}) {
      const Array before = model.parameters[p].get();
      double losses[2] = {};
      constexpr float change = 1.0f / 256;
      for (int side = 0; side < 2; ++side) {
        Array moved = model.parameters[p].get();
        moved.view<float>()[static_cast<std::size_t>(at)] += side == 0 ? change : -change;
        Shared(model.parameters[p]).set(moved);
        losses[side] = loss_by_hand(model, batch, half);
        Shared(model.parameters[p]).set(before);
      }
      CHECK(gradients[p].at(at) == Approx((losses[0] - losses[1]) / (2.0 * change)).epsilon(1e-3).margin(1e-6));
    }
  }
}

TEST_CASE("training drops elements of the mean, others in every call") {
  const BuiltModel model = lstm_sentiment(small);
  make_classifier_large(model);
  REQUIRE(model.random_states.size() == 1);
  const Batch batch = batch_of({6, 2}, 50);
  const Function loss = function(model.inputs, {model.training_loss});
  const Array state = model.random_states[0].get();
  const double first = loss.call(arguments(batch))[0].at(0), second = loss.call(arguments(batch))[0].at(0);
  CHECK(first != second);
  Shared(model.random_states[0]).set(state);
  CHECK(loss.call(arguments(batch))[0].at(0) == first);  // the state is all that draws depend on
}

TEST_CASE("options of the LSTM") {
  LstmSentimentOptions options = small;
  options.forget_offset = 1;
  options.ortho_blocks = Blocks::independent;
  const BuiltModel model = lstm_sentiment(options);
  const std::vector<double> b = numbers(model.parameters[3]);
  for (std::size_t i = 0; i < b.size(); ++i) CHECK(b[i] == (i / 8 == 1 ? 1 : 0));
  CHECK_THAT(model.variant, contains("blocks independent") && contains("forget offset 1"));
  options.loss = LstmSentimentOptions::Loss::fused;
  const Batch batch = batch_of({6, 2}, 50);
  const BuiltModel fused = lstm_sentiment(options);
  CHECK(function(fused.inputs, {fused.loss}).call(arguments(batch))[0].at(0) ==
        Approx(function(model.inputs, {model.loss}).call(arguments(batch))[0].at(0)).epsilon(1e-5));
  CHECK_THROWS_WITH(lstm_sentiment({.hidden = 0}), contains("at least 1 element, 0 were"));
  CHECK_THROWS_WITH(lstm_sentiment({.vocabulary = 0}), contains("at least 1 word"));
  CHECK_THROWS_WITH(lstm_sentiment({.batch = 0}), contains("at least 1"));
}
