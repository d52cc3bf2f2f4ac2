// Networks ready to be compiled, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <bitale/bitale.h>

namespace bitale::models {

struct BuiltModel {
  std::string name;
  std::string variant;         // every choice that changes values or cost, in words
  std::vector<Tensor> inputs;  // in the order that functions of the model take them: data, at last labels
  std::vector<std::string> input_names;
  Tensor loss;                            // scalar: mean over the batch
  Tensor logits;                          // [batch, classes]
  Tensor training_loss, training_logits;  // what training descends on: the same, or where it differs, with dropout
  std::vector<Shared> random_states;      // that functions of these two advance
  std::vector<Shared> parameters;         // in the order in which gradients are asked for
  // Multiply-adds of convolutions and matrix products for one sample: of the forward pass, besides for each step of a
  // sequence, and of the first layer, whose gradient with respect to the network's input nobody needs.
  double forward_macs = 0, step_macs = 0, first_layer_macs = 0;

  // Of a batch, whose sequences are padded to so many steps; gradient: forward and backward.
  double forward_gflop(std::int64_t batch, std::int64_t steps = 0) const;
  double gradient_gflop(std::int64_t batch, std::int64_t steps = 0) const;
  std::vector<Tensor> parameter_tensors() const;
};

// What every model can be asked for.
struct BuildOptions {
  std::optional<std::int64_t> batch{};  // a constant extent instead of the symbol "batch"
  bool random_last_layer = false;       // where the model's own last layer starts at zero, which zeroes most gradients
  std::optional<std::int64_t> hidden{}, vocabulary{};  // of networks that read words
  std::uint32_t seed = 23455;
};

struct ModelRow {
  const char* name;
  const char* help;
  BuiltModel (*build)(const BuildOptions& options);
  // Random inputs to time the model with; `steps` is the length of sequences, where it reads any.
  std::vector<Array> (*sample)(std::int64_t batch, std::int64_t steps, std::uint32_t seed);
  bool sequences;          // its inputs are sequences of words
  std::int64_t batch;      // of the study
  int warmup, iterations;  // of the study: calls of each function, or epochs over its sequences
};

std::span<const ModelRow> all_models();
std::string model_names();                            // "lenet, ..."
const ModelRow& find_model(const std::string& name);  // UsageError that lists the names if there is no such model

}  // namespace bitale::models
