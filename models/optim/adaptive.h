// Steps whose size differs from element to element, by the gradients that each has seen. g is a parameter's gradient
// with weight decay (models/optim/descent.h), p the parameter, and all operations are by element.
#pragma once

#include "models/optim/optimizer.h"

namespace bitale::models {

// AdaGrad (Duchi, Hazan, Singer 2011), with e = 1e-8 as in Caffe.
//   squares' = squares + g^2;  p' = p - learning_rate g / (sqrt(squares') + e)
// State: "<parameter>.squares".
Updates adagrad(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);

// AdaDelta (Zeiler 2012), with rho = 0.95 and e = 1e-6; its own step is that of the learning rate 1.
//   squares' = rho squares + (1 - rho) g^2
//   change   = sqrt(changes + e) / sqrt(squares' + e) g;  changes' = rho changes + (1 - rho) change^2
//   p' = p - learning_rate change
// State: "<parameter>.squares" and "<parameter>.changes".
Updates adadelta(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);

// RMSProp (Tieleman, Hinton 2012) as PyTorch has it, with rho = 0.99 and e = 1e-8.
//   squares' = rho squares + (1 - rho) g^2;  p' = p - learning_rate g / (sqrt(squares') + e)
// State: "<parameter>.squares".
Updates rmsprop(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);

// Adam (Kingma, Ba 2015), with beta1 = 0.9, beta2 = 0.999 and e = 1e-8; step n is the n-th, from 1 on.
//   mean' = beta1 mean + (1 - beta1) g;  squares' = beta2 squares + (1 - beta2) g^2
//   p' = p - learning_rate (mean' / (1 - beta1^n)) / (sqrt(squares' / (1 - beta2^n)) + e)
// State: "<parameter>.mean", "<parameter>.squares", and "steps" (int64).
Updates adam(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);

// Adam with decoupled weight decay (Loshchilov, Hutter 2019): g is without it, and each step subtracts besides
// learning_rate * weight_decay * p (the paper's lambda times its schedule is this product, as in PyTorch).
Updates adamw(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options);

}  // namespace bitale::models
