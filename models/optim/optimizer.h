// Training steps as updates of a graph: compiled into the function that computes the gradients.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <bitale/bitale.h>

#include "models/optim/named_factors.h"

namespace bitale::models {

struct Updates {
  std::vector<std::pair<Shared, Tensor>> updates;  // for FunctionOptions::updates
  std::vector<Shared> state;                       // what they keep between steps, "<parameter>.<what>", zero at first
};

// What all optimizers have in common: models/optim/descent.h says in which order it is applied.
struct OptimizerOptions {
  Tensor learning_rate{};   // scalar of the parameters' dtype; a Shared or an input can change between calls
  double momentum = 0;      // [0, 1), of those that take one
  double weight_decay = 0;  // weight_decay * parameter is added to the gradient (adamw: to what is subtracted)
  double clip_value = 0;    // elements of gradients are cut to [-clip_value, clip_value]; 0: they are not
  double clip_norm = 0;     // all gradients are scaled to have at most this L2 norm together; 0: they are not
  // By names of parameters: multiples of the learning rate (0: the parameter is not trained, and nothing is computed
  // for its sake) and of the weight decay.
  NamedFactors rates{}, decays{};
};

struct OptimizerRow {
  const char* name;
  const char* help;
  double learning_rate;            // to begin with, where nothing is known of the problem
  std::optional<double> momentum;  // to begin with; none: it takes none
  double weight_decay;             // to begin with
  Updates (*step)(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);
};

std::span<const OptimizerRow> all_optimizers();
std::string optimizer_names();                                // "sgd, ..."
const OptimizerRow& find_optimizer(const std::string& name);  // Error that lists the names if there is no such one

}  // namespace bitale::models
