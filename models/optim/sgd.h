// Stochastic gradient descent.
#pragma once

#include "models/optim/optimizer.h"

namespace bitale::models {

// velocity' = momentum * velocity - learning_rate * gradient
// parameter' = parameter + velocity'
// The gradient is decayed_gradients'. State: "<parameter>.velocity"; none without momentum.
Updates sgd(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);

}  // namespace bitale::models
