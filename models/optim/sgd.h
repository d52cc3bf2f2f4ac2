// Stochastic gradient descent. g is a parameter's gradient with weight decay (models/optim/descent.h), p the parameter.
#pragma once

#include "models/optim/optimizer.h"

namespace bitale::models {

// velocity' = momentum velocity - learning_rate g
// p' = p + velocity'
// State: "<parameter>.velocity"; none without momentum.
Updates sgd(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);

// Nesterov's accelerated gradient (1983) as Caffe has it: p is kept where the velocity has already carried it, so that
// its gradient there is the one that is needed (Sutskever, Martens, Dahl, Hinton 2013; Bengio et al. 2013).
//   velocity' = momentum velocity - learning_rate g
//   p' = p + (1 + momentum) velocity' - momentum velocity = p + momentum velocity' - learning_rate g
// PyTorch keeps velocity / learning_rate instead: the same where the rate does not change. State: as sgd's.
Updates nesterov(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);

}  // namespace bitale::models
