// What is measured of a model: its forward function and its gradient function.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <bitale/bitale.h>

#include "models/zoo/models.h"

namespace bitale::bench {

struct SubjectOptions {
  std::string model{};
  std::string variant{};  // empty: the model's first
  std::string step{};     // of training; empty: the model's last
  std::int64_t batch = 0;
  bool constant_batch = false, random_last_layer = false, scaled_weights = false;
  bool input_gradient = false;  // the gradient function also computes the gradient of the data
  bool loss_in_forward = true;  // else the forward function returns the logits
  // Of models that read sequences: one batch of random words with so many steps; 0: an epoch of batches with the
  // lengths of the study, each as long as its longest sequence, without those that do not fill a batch unless the
  // remainder is included.
  std::int64_t batch_steps = 0;
  bool include_remainder = false;
  DType dtype = float32;          // of parameters and of data that are no whole numbers
  std::optional<bool> dropout{};  // what training descends on; absent: as in the study, which the model decides
  int threads = 0;
  std::string isa{};
  std::string device = "cpu";
  bool tf32 = false;                              // of a GPU: as in FunctionOptions
  ConvAlgorithm conv = ConvAlgorithm::automatic;  // of convolutions that name none
};

// The command-line form of the options, for processes that measure a part.
std::vector<std::string> to_arguments(const SubjectOptions& options);

// `graph_only`: nobody will call its functions.
models::BuiltModel build(const SubjectOptions& options, bool graph_only = false);

// What the two functions compute.
std::vector<Tensor> forward_outputs(const models::BuiltModel& model, const SubjectOptions& options);
std::vector<Tensor> gradient_outputs(const models::BuiltModel& model, const SubjectOptions& options);
// How they are compiled: `part` is of their names, "forward" or "gradient".
FunctionOptions function_options(const SubjectOptions& options, const char* part);

// From the built model to the callable function; differentiation is part of the second.
Function compile_forward(const models::BuiltModel& model, const SubjectOptions& options);
Function compile_gradient(const models::BuiltModel& model, const SubjectOptions& options);

struct SampleBatch {
  std::vector<Array> arrays;
  std::vector<Argument> arguments;  // the same
  std::int64_t size = 0, steps = 0;
};

// The random batches that the model is timed with, always the same ones, in this order: the same numbers for any dtype;
// in a GPU's memory if it is measured there.
std::vector<SampleBatch> sample(const SubjectOptions& options);

// Work of a batch, on average over these: of what the two functions say, counted before it is optimised.
struct Work {
  double forward_gflop = 0, gradient_gflop = 0;
};
Work work_of(const models::BuiltModel& model, const SubjectOptions& options, std::span<const SampleBatch> batches);

}  // namespace bitale::bench
