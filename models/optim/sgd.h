// Stochastic gradient descent as updates of a graph: compiled into the function that computes the gradients.
#pragma once

#include <utility>
#include <vector>

#include <bitale/bitale.h>

namespace bitale::models {

struct SgdOptions {
  Tensor learning_rate{};   // scalar of the parameters' dtype; a Shared or an input can change between calls
  double momentum = 0;      // [0, 1)
  double weight_decay = 0;  // adds weight_decay * parameter to every gradient
};

struct Sgd {
  std::vector<std::pair<Shared, Tensor>> updates;  // for FunctionOptions::updates
  std::vector<Shared> velocities;                  // "<parameter>.velocity", zero at first; none without momentum
};

// velocity' = momentum * velocity - learning_rate * (d loss / d parameter + weight_decay * parameter)
// parameter' = parameter + velocity'
Sgd step(const Tensor& loss, const std::vector<Shared>& parameters, const SgdOptions& options);

}  // namespace bitale::models
