// What is measured of a model: its forward function and its gradient function.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <bitale/bitale.h>

#include "models/zoo/models.h"

namespace bitale::bench {

struct SubjectOptions {
  std::string model;
  std::int64_t batch = 0;
  bool constant_batch = false, random_last_layer = false;
  bool input_gradient = false;  // the gradient function also computes the gradient of the data
  bool loss_in_forward = true;  // else the forward function returns the logits
  int threads = 0;
  std::string isa;
};

// The command-line form of the options, for processes that measure a part.
std::vector<std::string> to_arguments(const SubjectOptions& options);

models::BuiltModel build(const SubjectOptions& options);

// From the built model to the callable function; differentiation is part of the second.
Function compile_forward(const models::BuiltModel& model, const SubjectOptions& options);
Function compile_gradient(const models::BuiltModel& model, const SubjectOptions& options);

// The random batch that the model is timed with, always the same one.
std::vector<Argument> sample(const SubjectOptions& options);

double gradient_gflop(const models::BuiltModel& model, const SubjectOptions& options);

}  // namespace bitale::bench
