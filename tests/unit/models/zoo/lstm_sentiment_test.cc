#include "models/zoo/lstm_sentiment.h"

#include <cmath>
#include <functional>

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

using Row = std::vector<double>;

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

Row times(const Row& x, const Row& w) {
  Row y(w.size() / x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < y.size(); ++j) y[j] += x[i] * w[i * y.size() + j];
  return y;
}

Row plus(Row x, const Row& y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  return x;
}

Row normalised(Row x, const Row& scale) {
  double mean = 0, variance = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * scale[i];
  return x;
}

// A step of a layer with parameters p, from the row x; where m is 0 the state stays.
struct State {
  Row h, c;
};
using Step = void (*)(const std::vector<Row>& p, const Row& x, double m, State& s);

void lstm_gates(const Row& a, double m, State& s, const std::function<Row(const Row& c)>& seen) {
  const std::size_t n = s.h.size();
  for (std::size_t i = 0; i < n; ++i) {
    const double next = sigma(a[n + i]) * s.c[i] + sigma(a[i]) * std::tanh(a[3 * n + i]);
    s.c[i] = m * next + (1 - m) * s.c[i];
  }
  const Row c = seen(s.c);
  for (std::size_t i = 0; i < n; ++i) s.h[i] = m * sigma(a[2 * n + i]) * std::tanh(c[i]) + (1 - m) * s.h[i];
}

void lstm_step(const std::vector<Row>& p, const Row& x, double m, State& s) {
  lstm_gates(plus(plus(times(x, p[0]), times(s.h, p[1])), p[2]), m, s, [](const Row& c) { return c; });
}

void normalised_step(const std::vector<Row>& p, const Row& x, double m, State& s) {
  const Row a = plus(plus(normalised(times(x, p[0]), p[3]), normalised(times(s.h, p[1]), p[4])), p[2]);
  lstm_gates(a, m, s, [&](const Row& c) { return plus(normalised(c, p[5]), p[6]); });
}

void gru_step(const std::vector<Row>& p, const Row& x, double m, State& s) {
  const Row in = plus(times(x, p[0]), p[2]), back = times(s.h, p[1]);
  const std::size_t n = s.h.size();
  for (std::size_t i = 0; i < n; ++i) {
    const double r = sigma(in[i] + back[i]), z = sigma(in[n + i] + back[n + i]);
    const double next = std::tanh(in[2 * n + i] + r * (back[2 * n + i] + p[3][i]));
    s.h[i] = m * ((1 - z) * next + z * s.h[i]) + (1 - m) * s.h[i];
  }
}

// What the test knows of a variant.
struct Variant {
  const char* name;
  Step step;
  std::size_t layers, parameters;  // of each layer
};
const Variant variants[] = {
    {"plain", lstm_step, 1, 3}, {"layer_normalised", normalised_step, 1, 7}, {"gru2", gru_step, 2, 4}};

BuiltModel small_variant(const std::string& name) {
  return build_lstm({.hidden = 8, .vocabulary = 50, .variant = name});
}

// The loss, in plain C++ from the description of the network; `drop` is what the mean of the states is multiplied with.
double loss_by_hand(const BuiltModel& model, const Batch& batch, const Row& drop, const Variant& v = variants[0]) {
  std::vector<Row> p;
  for (const Shared& parameter : model.parameters) p.push_back(numbers(parameter));
  const Row &words = p.front(), &u2 = p[p.size() - 2], &b2 = p.back();
  const std::size_t n = u2.size() / 2, columns = batch.sequences.size();
  const auto steps = static_cast<std::size_t>(batch.ids.shape()[0]);
  double loss = 0;
  for (std::size_t k = 0; k < columns; ++k) {
    std::vector<State> states(v.layers, {Row(n), Row(n)});
    Row total(n);
    double count = 0;
    for (std::size_t t = 0; t < steps; ++t) {
      const double m = batch.mask.at(static_cast<std::int64_t>(t * columns + k));
      const double* word =
          words.data() + static_cast<std::size_t>(batch.ids.at(static_cast<std::int64_t>(t * columns + k))) * n;
      Row x(word, word + n);
      for (std::size_t l = 0; l < v.layers; ++l) {
        const auto first = p.begin() + 1 + static_cast<std::ptrdiff_t>(l * v.parameters);
        v.step({first, first + static_cast<std::ptrdiff_t>(v.parameters)}, x, m, states[l]);
        x = states[l].h;
      }
      for (std::size_t i = 0; i < n; ++i) total[i] += m * x[i];
      count += m;
    }
    for (std::size_t i = 0; i < n; ++i) total[i] *= drop[k * n + i] / count;
    const Row z = plus(times(total, u2), b2);
    const auto label = static_cast<std::size_t>(batch.labels.at(static_cast<std::int64_t>(k)));
    loss -= std::log(std::exp(z[label]) / (std::exp(z[0]) + std::exp(z[1])) + 1e-8);
  }
  return loss / static_cast<double>(columns);
}

// So that the classifier's scores differ.
void make_classifier_large(const BuiltModel& model) {
  Shared u2 = model.parameters[model.parameters.size() - 2];
  Array value = u2.get();
  for (float& v : value.view<float>()) v *= 300;
  u2.set(value);
}

std::int64_t count_of(const BuiltModel& model) {
  std::int64_t count = 0;
  for (const Shared& p : model.parameters) count += p.get().size();
  return count;
}

std::string names_of(const BuiltModel& model) {
  std::string names;
  for (const Shared& p : model.parameters) names += p.name() + " ";
  return names;
}

}  // namespace

TEST_CASE("the LSTM has 1,411,842 parameters in six arrays, in the order of the study") {
  const BuiltModel model = lstm_sentiment();
  CHECK(names_of(model) == "Wemb W U b U2 b2 ");
  CHECK(count_of(model) == 1411842);
  CHECK(model.parameters[0].get().shape() == Extents{10000, 128});
  for (const double v : numbers(model.parameters[3])) REQUIRE(v == 0);
  NumpyRandom random(123);
  CHECK(model.parameters[0].get().at(0) == static_cast<float>(0.01 * random.uniform()));
}

TEST_CASE("the variants have parameters of their own") {
  const BuiltModel plain = build_lstm({}), normalised = build_lstm({.variant = "layer_normalised"});
  const BuiltModel gru2 = build_lstm({.variant = "gru2"});
  CHECK(plain.variant == lstm_sentiment().variant);
  CHECK(names_of(plain) == "Wemb W U b U2 b2 ");
  CHECK(names_of(normalised) == "Wemb W U b scale_x scale_h scale_c shift_c U2 b2 ");
  CHECK(count_of(normalised) == count_of(plain) + 2 * 512 + 2 * 128);
  CHECK_THAT(normalised.variant, contains("1 layer-normalised LSTM layer; 128 hidden"));
  for (const std::size_t scale : {4, 5, 6})
    for (const double v : numbers(normalised.parameters[scale])) REQUIRE(v == 1);
  CHECK(names_of(gru2) ==
        "Wemb layer1_W layer1_U layer1_b layer1_reset_b layer2_W layer2_U layer2_b layer2_reset_b U2 b2 ");
  CHECK(count_of(gru2) == 10000 * 200 + 2 * (2 * 200 * 600 + 600 + 200) + 200 * 2 + 2);
  CHECK_THAT(gru2.variant, contains("2 GRU layers; 200 hidden"));
  CHECK_THROWS_WITH(lstm_variant("rnn"), contains("no variant 'rnn'; there are plain, layer_normalised, gru2"));
}

TEST_CASE("the loss is that of the network written out, for sequences of any length by one compilation") {
  for (const Variant& v : variants) {
    INFO(v.name);
    const BuiltModel model = small_variant(v.name);
    make_classifier_large(model);
    const Function loss = function(model.inputs, {model.loss});
    for (const std::vector<std::int64_t>& lengths : {std::vector<std::int64_t>{1}, {7, 3}, {2, 9, 4, 4, 1}}) {
      const Batch batch = batch_of(lengths, 50);
      const std::vector<double> half(lengths.size() * 8, 0.5);
      CHECK(loss.call(arguments(batch))[0].at(0) == Approx(loss_by_hand(model, batch, half, v)).epsilon(1e-5));
    }
  }
}

TEST_CASE("gradients agree with differences of the loss, that of the embedding for the words that were read") {
  for (const Variant& v : variants) {
    const BuiltModel model = small_variant(v.name);
    make_classifier_large(model);
    const Function gradient = function(model.inputs, grad(model.loss, model.parameter_tensors()));
    const Batch batch = batch_of({6, 2, 4}, 50);
    const std::vector<double> half(24, 0.5);
    const std::vector<Array> gradients = gradient.call(arguments(batch));
    for (std::size_t p = 0; p < gradients.size(); ++p) {
      INFO(v.name << " " << model.parameters[p].name());
      const std::int64_t size = gradients[p].size();
      const std::int64_t word = static_cast<std::int64_t>(batch.ids.at(0)) * 8;
      for (const std::int64_t at : {p == 0 ? word + 3 : size / 3, p == 0 ? 0 : size - 1}) {
        const Array before = model.parameters[p].get();
        double losses[2] = {};
        constexpr float change = 1.0f / 65536;
        for (int side = 0; side < 2; ++side) {
          Array moved = model.parameters[p].get();
          moved.view<float>()[static_cast<std::size_t>(at)] += side == 0 ? change : -change;
          Shared(model.parameters[p]).set(moved);
          losses[side] = loss_by_hand(model, batch, half, v);
          Shared(model.parameters[p]).set(before);
        }
        CHECK(gradients[p].at(at) == Approx((losses[0] - losses[1]) / (2.0 * change)).epsilon(1e-3).margin(1e-6));
      }
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
  CHECK_THROWS_WITH(lstm_sentiment({.layers = 0}), contains("at least 1 layer, 0 were"));
  CHECK_THROWS_WITH(lstm_sentiment({.cell = LstmSentimentOptions::Cell::gru, .forget_offset = 1}),
                    contains("no forget gate"));
}
