#include "models/zoo/models.h"

#include <algorithm>

#include <fmt/format.h>

#include "frontends/cpp/command.h"
#include "models/zoo/alexnet.h"
#include "models/zoo/digits_sample.h"
#include "models/zoo/lenet.h"
#include "models/zoo/lstm_sentiment.h"
#include "models/zoo/sae.h"

namespace bitale::models {
namespace {

using Reads = ModelRow::Reads;

const ModelRow rows[] = {
    {.name = "lenet",
     .help = "LeNet on 28 x 28 digits: two convolutions, two dense layers",
     .build = build_lenet,
     .sample = sample_digits,
     .reads = Reads::digits,
     .batch = 64,
     .warmup = 200,
     .iterations = 200,
     .zero_last_layer = true,
     .trainable = true},
    {.name = "alexnet",
     .help = "AlexNet on 224 x 224 images of 1,000 classes: five convolutions, three dense layers",
     .build = build_alexnet,
     .sample = sample_alexnet,
     .reads = Reads::images,
     .batch = 256,
     .warmup = 20,
     .iterations = 20,
     .variants = {"exact", "no_lrn", "no_lrn_no_groups"},
     .dropout = true,
     .timed_with_dropout = true,
     .fading_weights = true,
     .trainable = true},
    {.name = "sae",
     .help = "a stacked autoencoder on 28 x 28 digits: three autoencoders trained one after another, then a classifier",
     .build = build_sae,
     .sample = sample_digits,
     .reads = Reads::digits,
     .batch = 64,
     .warmup = 400,
     .iterations = 800,
     .variants = {"small", "large"},
     .steps = {"ae1", "ae2", "ae3", "se"},
     .zero_last_layer = true,
     .trainable = true},
    {.name = "lstm",
     .help = "an LSTM that tells positive from negative reviews",
     .build = build_lstm,
     .sample = sample_lstm,
     .reads = Reads::words,
     .batch = 16,
     .warmup = 1,
     .iterations = 5,
     .variants = {"plain", "layer_normalised", "gru2"},
     .dropout = true,
     .trainable = true},
};

std::string listed(const std::vector<const char*>& names) {
  std::string text;
  for (const char* name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::string names_where(bool (*wanted)(const ModelRow&)) {
  std::vector<const char*> names;
  for (const ModelRow& row : rows)
    if (wanted(row)) names.push_back(row.name);
  return listed(names);
}

std::string listed_by_model(std::vector<const char*> ModelRow::* names) {
  std::string text;
  for (const ModelRow& row : rows)
    if (!(row.*names).empty()) text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", row.name, listed(row.*names));
  return text;
}

void check_listed(const ModelRow& row, const std::string& name, const char* what,
                  const std::vector<const char*>& names) {
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return;
  throw UsageError(
      fmt::format("{} has no {} '{}'; it has {}.", row.name, what, name, names.empty() ? "only one" : listed(names)));
}

}  // namespace

std::vector<Tensor> BuiltModel::parameter_tensors() const { return {parameters.begin(), parameters.end()}; }

std::span<const ModelRow> all_models() { return rows; }

std::string model_names() {
  return names_where([](const ModelRow&) { return true; });
}

std::string trainable_names() {
  return names_where([](const ModelRow& row) { return row.trainable; });
}

const ModelRow& find_model(const std::string& name) {
  for (const ModelRow& row : rows)
    if (name == row.name) return row;
  throw UsageError(fmt::format("there is no model '{}'; there are: {}.", name, model_names()));
}

void check_variant(const ModelRow& row, const std::string& variant) {
  check_listed(row, variant, "variant", row.variants);
}

void check_step(const ModelRow& row, const std::string& step) { check_listed(row, step, "step", row.steps); }

std::string variant_names() { return listed_by_model(&ModelRow::variants); }

std::string step_names() { return listed_by_model(&ModelRow::steps); }

void check_dtype(const char* model, DType dtype) {
  if (is_floating(dtype)) return;
  throw Error(fmt::format("{}: parameters are floats, {} was asked for.", model, name_of(dtype)));
}

std::string dtype_words(DType dtype) { return dtype == float32 ? "" : fmt::format("; {}", name_of(dtype)); }

BuiltModel step_of(const BuiltModel& model, const std::string& step) {
  if (step.empty() || step == model.step) return model;
  for (const BuiltModel& earlier : model.before)
    if (step == earlier.step) return earlier;
  throw Error(fmt::format("{} has no step '{}'.", model.name, step));
}

}  // namespace bitale::models
