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
  std::string variant;             // every choice that changes values or cost, in words
  std::vector<Tensor> inputs;      // in the order that functions of the model take them: data, labels
  Tensor loss;                     // scalar: mean over the batch
  Tensor logits;                   // [batch, classes]
  std::vector<Shared> parameters;  // in the order in which gradients are asked for
  // Multiply-adds of convolutions and matrix products for one sample: of the forward pass, and of its first layer,
  // whose gradient with respect to the network's input nobody needs.
  double forward_macs = 0, first_layer_macs = 0;

  double forward_gflop(std::int64_t batch) const;
  double gradient_gflop(std::int64_t batch) const;  // forward and backward
  std::vector<Tensor> parameter_tensors() const;
};

// What every model can be asked for.
struct BuildOptions {
  std::optional<std::int64_t> batch{};  // a constant extent instead of the symbol "batch"
  bool random_last_layer = false;       // where the model's own last layer starts at zero, which zeroes most gradients
  std::uint32_t seed = 23455;
};

struct ModelRow {
  const char* name;
  const char* help;
  BuiltModel (*build)(const BuildOptions& options);
  std::vector<Array> (*sample)(std::int64_t batch, std::uint32_t seed);  // random inputs to time the model with
  std::int64_t batch;                                                    // of the study
  int warmup, iterations;                                                // of the study
};

std::span<const ModelRow> all_models();
std::string model_names();                            // "lenet, ..."
const ModelRow& find_model(const std::string& name);  // UsageError that lists the names if there is no such model

}  // namespace bitale::models
