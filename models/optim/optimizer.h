// Training steps as updates of a graph: compiled into the function that computes the gradients.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include <bitale/bitale.h>

namespace bitale::models {

struct Updates {
  std::vector<std::pair<Shared, Tensor>> updates;  // for FunctionOptions::updates
  std::vector<Shared> state;                       // what they keep between steps, "<parameter>.<what>", zero at first
};

struct OptimizerOptions {
  Tensor learning_rate{};   // scalar of the parameters' dtype; a Shared or an input can change between calls
  double momentum = 0;      // [0, 1), of sgd alone
  double weight_decay = 0;  // adds weight_decay * parameter to every gradient
};

struct OptimizerRow {
  const char* name;
  const char* help;
  double learning_rate;  // to begin with, where nothing is known of the problem
  bool momentum;         // takes one
  Updates (*step)(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);
};

std::span<const OptimizerRow> all_optimizers();
std::string optimizer_names();                                // "sgd, ..."
const OptimizerRow& find_optimizer(const std::string& name);  // Error that lists the names if there is no such one

// d loss / d each parameter + weight_decay * parameter. Error if there is no learning rate, or an option is out of
// range; `name` is the optimizer's in messages.
std::vector<Tensor> decayed_gradients(const char* name, const Tensor& loss, const std::vector<Shared>& parameters,
                                      const OptimizerOptions& options);

// A variable of the optimizer with a parameter's type, zero at first.
Shared state_of(const Shared& parameter, const char* what);

}  // namespace bitale::models
