// Every model in float64: the network of float32, without its rounding; and in 16 bits, with more of it.

#include <cmath>

#include "models/zoo/alexnet.h"
#include "models/zoo/lenet.h"
#include "models/zoo/lstm_sentiment.h"
#include "models/zoo/sae.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

namespace {

std::vector<BuiltModel> steps_of(const ModelRow& row, const std::string& variant, DType dtype) {
  BuiltModel last =
      row.build({.random_last_layer = row.zero_last_layer, .hidden = 8, .variant = variant, .dtype = dtype});
  std::vector<BuiltModel> all = last.before;
  all.push_back(std::move(last));
  return all;
}

std::vector<Argument> arguments(const ModelRow& row, const BuiltModel& model) {
  std::vector<Argument> out;
  const std::vector<Array> sample = row.sample(3, 4, 1);
  for (std::size_t i = 0; i < model.inputs.size(); ++i) out.emplace_back(sample[i].cast(model.inputs[i].dtype()));
  return out;
}

// Loss and gradients.
std::vector<Array> results(const ModelRow& row, const BuiltModel& model) {
  std::vector<Tensor> outputs = grad(model.loss, model.parameter_tensors());
  outputs.insert(outputs.begin(), model.loss);
  return function(model.inputs, outputs, {.threads = 1}).call(arguments(row, model));
}

double norm(const Array& a) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += a.at(i) * a.at(i);
  return std::sqrt(sum);
}

double distance(const Array& a, const Array& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += (a.at(i) - b.at(i)) * (a.at(i) - b.at(i));
  return std::sqrt(sum);
}

void check_graph(const BuiltModel& exact) {
  for (const Tensor& t : {exact.loss, exact.logits, exact.training_loss, exact.training_logits})
    CHECK(t.dtype() == float64);
  for (const Tensor& t : exact.inputs) CHECK((t.dtype() == float64 || is_integer(t.dtype())));
}

void check_step(const ModelRow& row, const BuiltModel& exact, const BuiltModel& rounded) {
  INFO(row.name << " " << exact.step << " " << exact.variant);
  CHECK(exact.variant == rounded.variant + "; float64");
  check_graph(exact);
  REQUIRE(exact.parameters.size() == rounded.parameters.size());
  for (std::size_t i = 0; i < exact.parameters.size(); ++i) {
    INFO(exact.parameters[i].name());
    CHECK(exact.parameters[i].get().cast(float32).same_bits(rounded.parameters[i].get()));
  }
  const std::vector<Array> right = results(row, exact), near = results(row, rounded);
  for (std::size_t i = 0; i < right.size(); ++i) {
    INFO("result " << i);
    CHECK(right[i].dtype() == float64);
    CHECK(norm(right[i]) > 0);
    CHECK(distance(right[i], near[i]) > 0);  // somebody did compute in more digits
    CHECK(distance(right[i], near[i]) < 1e-4 * norm(right[i]));
  }
}

}  // namespace

TEST_CASE("every model in float64 has the parameters that float32 rounds, and nearly its loss and gradients") {
  for (const ModelRow& row : all_models()) {
    if (row.reads == ModelRow::Reads::images) continue;  // too large to be drawn and run here
    std::vector<const char*> variants = row.variants;
    if (variants.empty()) variants = {""};
    for (const char* variant : variants) {
      if (std::string(row.name) == "sae" && std::string(variant) == "large") continue;  // "small", with wider layers
      const std::vector<BuiltModel> exact = steps_of(row, variant, float64), rounded = steps_of(row, variant, float32);
      REQUIRE(exact.size() == rounded.size());
      for (std::size_t i = 0; i < exact.size(); ++i) check_step(row, exact[i], rounded[i]);
    }
  }
}

// Their rounding moves no loss and no gradient that amounts to something by more than a few percent.
TEST_CASE("every model in 16 bits has nearly the loss and gradients of float32") {
  for (const DType dtype : {float16, bfloat16})
    for (const ModelRow& row : all_models()) {
      if (row.reads == ModelRow::Reads::images) continue;
      const std::vector<BuiltModel> halves = steps_of(row, "", dtype), floats = steps_of(row, "", float32);
      for (std::size_t i = 0; i < halves.size(); ++i) {
        INFO(row.name << " " << halves[i].step << " " << halves[i].variant);
        CHECK(halves[i].variant == floats[i].variant + "; " + std::string(name_of(dtype)));
        const std::vector<Array> got = results(row, halves[i]), expected = results(row, floats[i]);
        for (std::size_t k = 0; k < got.size(); ++k) {
          INFO("result " << k);
          CHECK(got[k].dtype() == dtype);
          if (norm(expected[k]) > 1e-3)
            CHECK(distance(got[k], expected[k]) < 16 * epsilon_of(dtype) * norm(expected[k]));
        }
      }
    }
}

TEST_CASE("AlexNet in float64, as it is built by name") {
  const BuiltModel model = find_model("alexnet").build({.graph_only = true, .dtype = float64});
  CHECK_THAT(model.variant, contains("; float64"));
  check_graph(model);
  for (const Shared& parameter : model.parameters) CHECK(parameter.tensor().dtype() == float64);
}

TEST_CASE("no model has parameters of another dtype") {
  CHECK_THROWS_WITH(lenet({.dtype = int64}), contains("lenet: parameters are floats, int64 was"));
  CHECK_THROWS_WITH(lstm_sentiment({.dtype = int32}), contains("lstm: parameters are floats, int32 was"));
  CHECK_THROWS_WITH(sae({.dtype = int32}), contains("sae: parameters are floats, int32 was"));
  CHECK_THROWS_WITH(alexnet({.dtype = int32}), contains("alexnet: parameters are floats, int32 was"));
}
