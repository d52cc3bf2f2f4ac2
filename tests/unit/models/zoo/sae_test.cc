#include "models/zoo/sae.h"

#include <cmath>

#include "models/data/numpy_random.h"
#include "models/zoo/digits_sample.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/models/zoo/directions.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;
using bitale::tests::direction_errors;

namespace {

using Scale = SaeOptions::Scale;
using Reconstruction = SaeOptions::Reconstruction;

SaeOptions small() {
  SaeOptions options;
  options.widths = {12, 7, 5, 4};
  options.random_last_layer = true;
  options.dtype = float64;
  return options;
}

std::vector<Array> inputs(std::int64_t batch, const BuiltModel& step) {
  NumpyRandom random(3);
  std::vector<Array> arrays{random.uniform(0, 1, {batch, 12}, float64)};
  if (step.inputs.size() == 1) return arrays;
  Array labels(int32, {batch});
  for (std::int32_t& label : labels.view<std::int32_t>()) label = random.below(10);
  arrays.push_back(labels);
  return arrays;
}

double loss_of(const BuiltModel& step, const Tensor& loss, std::int64_t batch) {
  const std::vector<Array> arrays = inputs(batch, step);
  const std::vector<Argument> arguments(arrays.begin(), arrays.end());
  return function(step.inputs, {loss}).call(arguments)[0].at(0);
}

std::string names(const std::vector<Shared>& variables) {
  std::string text;
  for (const Shared& v : variables) text += v.name() + " ";
  return text;
}

const Shared& variable(const BuiltModel& model, const std::string& name) {
  for (const Shared& v : model.parameters)
    if (v.name() == name) return v;
  for (const BuiltModel& step : model.before)
    for (const Shared& v : step.parameters)
      if (v.name() == name) return v;
  throw Error("no variable " + name);
}

// ---- the network written out, for one row ----

using Row = std::vector<double>;

Row affine(const Row& x, const Array& w, const Array& b, bool transposed = false) {
  const std::int64_t in = w.shape()[transposed ? 1 : 0], out = w.shape()[transposed ? 0 : 1];
  Row y;
  for (std::int64_t j = 0; j < out; ++j) {
    double sum = b.at(j);
    for (std::int64_t i = 0; i < in; ++i)
      sum += x[static_cast<std::size_t>(i)] * w.at(transposed ? j * in + i : i * out + j);
    y.push_back(sum);
  }
  return y;
}

Row sigmoids(Row x) {
  for (double& v : x) v = 1 / (1 + std::exp(-v));
  return x;
}

Row encoded(const BuiltModel& model, Row x, int layers) {
  for (int i = 1; i <= layers; ++i) {
    const std::string n = std::to_string(i);
    x = sigmoids(affine(x, variable(model, "W" + n).get(), variable(model, "b" + n).get()));
  }
  return x;
}

double error_by_hand(const BuiltModel& model, const Row& image, int step, const SaeOptions& o) {
  const std::string n = std::to_string(step);
  const Row target = encoded(model, image, step - 1), hidden = encoded(model, image, step);
  const Row z =
      sigmoids(affine(hidden, variable(model, (o.tied ? "W" : "D") + n).get(), variable(model, "c" + n).get(), o.tied));
  double squares = 0, entropy = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    squares += (target[i] - z[i]) * (target[i] - z[i]);
    entropy -= target[i] * std::log(z[i]) + (1 - target[i]) * std::log(1 - z[i]);
  }
  if (o.reconstruction == Reconstruction::cross_entropy) return entropy;
  return o.scale == Scale::mean  ? squares / static_cast<double>(z.size())
         : o.scale == Scale::sum ? squares
                                 : squares / 2;
}

double classified_by_hand(const BuiltModel& model, const Row& image, std::int64_t label) {
  const Row z = affine(encoded(model, image, 3), variable(model, "V").get(), variable(model, "v").get());
  double sum = 0;
  for (const double v : z) sum += std::exp(v);
  return std::log(sum) - z[static_cast<std::size_t>(label)];
}

double loss_by_hand(const BuiltModel& model, int step, const SaeOptions& o, std::int64_t batch) {
  const std::vector<Array> arrays = inputs(batch, model);
  double sum = 0;
  for (std::int64_t row = 0; row < batch; ++row) {
    Row image;
    for (std::int64_t i = 0; i < 12; ++i) image.push_back(arrays[0].at(row * 12 + i));
    sum += step == 4 ? classified_by_hand(model, image, static_cast<std::int64_t>(arrays[1].at(row)))
                     : error_by_hand(model, image, step, o);
  }
  return sum / static_cast<double>(batch);
}

const char* const steps_of_training[] = {"ae1", "ae2", "ae3", "se"};

// Biases that are not zero, so that a loss tells when one is missing.
void shift_biases(const BuiltModel& model) {
  NumpyRandom random(8);
  for (const char* name : {"b1", "b2", "b3", "c1", "c2", "c3", "v"}) {
    const Shared& b = variable(model, name);
    Shared(b).set(random.normal(0.5, b.get().shape(), float64));
  }
}

}  // namespace

TEST_CASE("the stacked autoencoder's variables, their order, and where they start") {
  const BuiltModel model = sae();
  CHECK(model.step == "se");
  CHECK(names(model.parameters) == "W1 b1 W2 b2 W3 b3 V v ");
  REQUIRE(model.before.size() == 3);
  CHECK(names(model.before[0].parameters) == "W1 b1 c1 ");
  CHECK(names(model.before[1].parameters) == "W2 b2 c2 ");
  CHECK(names(model.before[2].parameters) == "W3 b3 c3 ");
  CHECK(names(model.before[0].fixed).empty());
  CHECK(names(model.before[1].fixed) == "W1 b1 ");
  CHECK(names(model.before[2].fixed) == "W1 b1 W2 b2 ");
  struct Case {
    const char *small, *name;
    Extents shape;
    double bound;
  };
  NumpyRandom random(89677);
  for (const Case& c : {Case{"small", "W1", {784, 400}, 0.284747}, Case{"small", "W2", {400, 200}, 0.400000},
                        Case{"small", "W3", {200, 100}, 0.565685}}) {
    INFO(c.name);
    const Array w = variable(model, c.name).get();
    REQUIRE(w.shape() == c.shape);
    double largest = 0, sum = 0;
    for (const float v : w.view<float>()) {
      largest = std::max(largest, std::abs(static_cast<double>(v)));
      sum += v;
    }
    CHECK(largest <= c.bound + 1e-6);
    CHECK(largest > 0.999 * c.bound);
    CHECK(std::abs(sum / static_cast<double>(w.size())) < 0.02 * c.bound);
    // One generator for all of them.
    const double bound = 4 * std::sqrt(6.0 / static_cast<double>(c.shape[0] + c.shape[1]));
    for (std::int64_t i = 0; i < w.size(); ++i) {
      const auto drawn = static_cast<float>(random.uniform(-bound, bound));
      if (i == 0 || i == w.size() - 1) CHECK(w.at(i) == drawn);
    }
  }
  for (const char* name : {"b1", "b2", "b3", "c1", "c2", "c3", "V", "v"}) {
    const Array zeros = variable(model, name).get();
    for (const float v : zeros.view<float>()) REQUIRE(v == 0);
  }
  CHECK(variable(model, "V").get().shape() == Extents{100, 10});
  const BuiltModel large = sae(sae_variant("large"));
  CHECK(variable(large, "W1").get().shape() == Extents{784, 800});
  CHECK(variable(large, "W3").get().shape() == Extents{1000, 2000});
}

TEST_CASE("the loss of every step is that of the network written out, for every batch by one compilation") {
  std::vector<SaeOptions> all(5, small());
  all[1].scale = Scale::mean;
  all[2].scale = Scale::half_sum;
  all[3].reconstruction = Reconstruction::cross_entropy;
  all[4].tied = false;
  for (const SaeOptions& options : all) {
    const BuiltModel model = sae(options);
    INFO(model.variant);
    shift_biases(model);
    for (int step = 1; step <= 4; ++step) {
      INFO(steps_of_training[step - 1]);
      const BuiltModel s = step_of(model, steps_of_training[step - 1]);
      for (const std::int64_t batch : {1, 6})
        CHECK(loss_of(s, s.loss, batch) == Approx(loss_by_hand(model, step, options, batch)).epsilon(1e-12));
    }
  }
}

TEST_CASE("gradients of every step agree with differences of its loss") {
  std::vector<SaeOptions> all(4, small());
  all[1].tied = false;
  all[2].reconstruction = Reconstruction::cross_entropy;
  all[3].corruption = {0.1, 0.2, 0.3};
  for (const SaeOptions& options : all) {
    const BuiltModel model = sae(options);
    INFO(model.variant);
    shift_biases(model);
    for (const char* name : steps_of_training) {
      const BuiltModel step = step_of(model, name);
      for (const auto& e : direction_errors(step, step.training_loss, inputs(6, step))) {
        INFO(name << " " << e.parameter);
        CHECK(e.length > 1e-4);
        CHECK(e.error < 1e-5);
      }
    }
  }
}

TEST_CASE("a step's gradient goes through the encoders below, but not through the target") {
  SaeOptions options = small();
  options.backward_all = true;
  const BuiltModel all = sae(options);
  CHECK(names(all.before[1].parameters) == "W1 b1 W2 b2 c2 ");
  CHECK(names(all.before[1].fixed).empty());
  const std::vector<Array> arrays = inputs(6, all.before[1]);
  const std::vector<Argument> arguments(arrays.begin(), arrays.end());
  const BuiltModel& step = all.before[1];
  const auto gradient = [&](const BuiltModel& m) {
    return function(m.inputs, grad(m.loss, m.parameter_tensors())).call(arguments);
  };
  const std::vector<Array> with = gradient(step), without = gradient(sae(small()).before[1]);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::int64_t k = 0; k < without[i].size(); ++k)
      CHECK(with[i + 2].at(k) == Approx(without[i].at(k)).epsilon(1e-12).margin(1e-15));
  // Of the encoder below: differences of a loss whose target is what it was before.
  const Tensor target = input("target", float64, {6, 7});
  const auto error = [&](const Tensor& t) { return mean(sum(square(t - step.logits), {1})); };
  const Function fixed = function({step.inputs[0], target}, {error(target)});
  const Array h = function(step.inputs, {step.data}).call(arguments)[0];
  const Array before = step.parameters[0].get();
  double losses[2] = {};
  for (int side = 0; side < 2; ++side) {
    Array moved = before.clone();
    moved.view<double>()[9] += side == 0 ? 1e-6 : -1e-6;
    Shared(step.parameters[0]).set(moved);
    losses[side] = fixed(arrays[0], h)[0].at(0);
  }
  CHECK(with[0].at(9) == Approx((losses[0] - losses[1]) / 2e-6).epsilon(1e-6));
}

TEST_CASE("steps share their variables") {
  const BuiltModel model = sae(small());
  const BuiltModel last = step_of(model, "se"), second = step_of(model, "ae2");
  const double before = loss_of(last, last.loss, 4), error_before = loss_of(second, second.loss, 4);
  tests::scale(model.before[0].parameters[0], 1.5);
  CHECK(loss_of(last, last.loss, 4) != before);
  CHECK(loss_of(second, second.loss, 4) != error_before);
  CHECK_THROWS_WITH(step_of(model, "ae4"), contains("no step 'ae4'"));
}

TEST_CASE("corruption zeroes a part of what is encoded, another one in every call, in training alone") {
  SaeOptions options = small();
  options.corruption = {0.5, 0, 0.25};
  const BuiltModel model = sae(options), clean = sae(small());
  const BuiltModel &first = model.before[0], &second = model.before[1];
  REQUIRE(first.random_states.size() == 1);
  CHECK(second.random_states.empty());
  CHECK(loss_of(first, first.loss, 5) == loss_of(clean.before[0], clean.before[0].loss, 5));
  CHECK(loss_of(second, second.training_loss, 5) == loss_of(second, second.loss, 5));
  const double a = loss_of(first, first.training_loss, 5), b = loss_of(first, first.training_loss, 5);
  CHECK(a != b);
  CHECK(a != loss_of(first, first.loss, 5));
}

TEST_CASE("every step optimised and hardly optimised agree") {
  SaeOptions options;
  options.random_last_layer = true;
  const BuiltModel model = sae(options);
  const std::vector<Array> arrays = sample_digits(5, 0, 1);
  for (const char* name : steps_of_training) {
    const BuiltModel step = step_of(model, name);
    const std::vector<Argument> arguments(arrays.begin(),
                                          arrays.begin() + static_cast<std::ptrdiff_t>(step.inputs.size()));
    std::vector<Tensor> outputs = grad(step.loss, step.parameter_tensors());
    outputs.push_back(step.loss);
    const std::vector<Array> quick = function(step.inputs, outputs, {.level = 0}).call(arguments);
    const std::vector<Array> best = function(step.inputs, outputs).call(arguments);
    for (std::size_t i = 0; i < quick.size(); ++i) {
      INFO(name << " " << i);
      double error = 0, size = 0;
      for (std::int64_t k = 0; k < quick[i].size(); ++k) {
        error += std::pow(quick[i].at(k) - best[i].at(k), 2);
        size += std::pow(quick[i].at(k), 2);
      }
      CHECK(size > 0);
      CHECK(error <= 1e-10 * size);
    }
  }
}

TEST_CASE("options that a stacked autoencoder cannot have") {
  const auto with = [](auto change) {
    SaeOptions options = small();
    change(options);
    return options;
  };
  CHECK_THROWS_WITH(sae(with([](SaeOptions& o) { o.widths = {784}; })), contains("at least one encoder, 784 were"));
  CHECK_THROWS_WITH(sae(with([](SaeOptions& o) { o.widths[1] = 0; })), contains("12-0-5-4"));
  CHECK_THROWS_WITH(sae(with([](SaeOptions& o) { o.corruption = {0.1}; })), contains("3 encoders have as many"));
  CHECK_THROWS_WITH(sae(with([](SaeOptions& o) { o.corruption = {0.1, 1, 0}; })), contains("less than 1, 1 was"));
  CHECK_THROWS_WITH(sae(with([](SaeOptions& o) { o.batch = 0; })), contains("at least 1, 0 was"));
  CHECK_THROWS_WITH(sae(with([](SaeOptions& o) { o.dtype = int32; })), contains("int32 was"));
  CHECK_THROWS_WITH(sae_variant("medium"), contains("small, large"));
}
