// Networks ready to be compiled, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <bitale/bitale.h>

namespace bitale::models {

// A network and one loss of it: what is computed, for which parameters. A network that is trained in several steps has
// several losses over the same Shared variables: this one is the last step's, `before` holds those of the steps that
// come before it, in order. Each of them is a BuiltModel like this one, with inputs and parameters of its own.
struct BuiltModel {
  std::string name;
  std::string step;            // "ae1"; empty where there is only one
  std::string variant;         // every choice that changes values or cost, in words
  std::vector<Tensor> inputs;  // in the order that functions of the model take them: data, at last labels if it has any
  std::vector<std::string> input_names;
  Tensor loss;                            // scalar: mean over the batch
  Tensor logits;                          // [batch, classes]; of an autoencoder what it makes of its input
  Tensor training_loss, training_logits;  // what training descends on: the same, or where it differs, with dropout
  std::vector<Shared> random_states;      // that functions of these two advance
  std::vector<Shared> parameters;         // in the order in which gradients are asked for
  std::vector<Shared> fixed;              // that the loss reads besides and this step leaves as they are
  Tensor data;  // what else a gradient may be asked for: the input, as far as this step trains; empty where it is words
  std::vector<BuiltModel> before{};

  std::vector<Tensor> parameter_tensors() const;
};

// What every model can be asked for.
struct BuildOptions {
  std::optional<std::int64_t> batch{};  // a constant extent instead of the symbol "batch"
  bool random_last_layer = false;       // where the model's own last layer starts at zero, which zeroes most gradients
  bool scaled_weights = false;          // where the model's own let signals fade, which leaves results to rounding
  std::optional<std::int64_t> hidden{}, vocabulary{};  // of networks that read words
  std::string variant{};                               // one of ModelRow::variants; empty: the first
  // Only the graph is looked at: parameters may be zero, where drawing them takes long.
  bool graph_only = false;
  std::optional<std::uint32_t> seed{};
  DType dtype = float32;  // of parameters and of data that are no whole numbers
};

struct ModelRow {
  enum class Reads : std::uint8_t { digits, words, images };

  const char* name;
  const char* help;
  BuiltModel (*build)(const BuildOptions& options);
  // Random inputs to time the model with, those that are no whole numbers in float32; `steps` is the length of
  // sequences, where it reads any. A step of training takes the first of them.
  std::vector<Array> (*sample)(std::int64_t batch, std::int64_t steps, std::uint32_t seed);
  Reads reads;
  std::int64_t batch;                   // of the study
  int warmup, iterations;               // of the study: calls of each function, or epochs over its sequences
  std::vector<const char*> variants{};  // empty: there is one
  std::vector<const char*> steps{};     // of BuiltModel, in order; empty: there is one
  bool dropout = false;                 // training_loss has some
  bool timed_with_dropout = false;      // in the study
  bool zero_last_layer = false;         // unless a random one is asked for
  bool fading_weights = false;          // unless scaled ones are asked for
  bool trainable = false;               // `bitale train` has data and settings for it

  bool sequences() const { return reads == Reads::words; }
};

std::span<const ModelRow> all_models();
std::string model_names();                            // "lenet, ..."
std::string trainable_names();                        // the same of those that can be trained
const ModelRow& find_model(const std::string& name);  // UsageError that lists the names if there is no such model

// UsageError, that lists what there is, if it is no variant or no step of the model. Empty is right.
void check_variant(const ModelRow& row, const std::string& variant);
void check_step(const ModelRow& row, const std::string& step);
std::string variant_names();  // "alexnet: exact, ...; ...", of the models that have several
std::string step_names();     // the same of steps

// What models do with the dtype that they are asked for: an Error if it is none of floats, and its word in
// BuiltModel::variant, "; float64" or nothing.
void check_dtype(const char* model, DType dtype);
std::string dtype_words(DType dtype);

// The model of one step of training; of the last one for an empty name.
BuiltModel step_of(const BuiltModel& model, const std::string& step);

}  // namespace bitale::models
