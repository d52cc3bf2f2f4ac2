// What every optimizer begins with: the gradients of the parameters that are trained, clipped, and their rates.
#pragma once

#include <vector>

#include "models/optim/optimizer.h"

namespace bitale::models {

// One parameter that is trained.
struct Descent {
  Shared parameter;
  Tensor gradient;  // of the loss, clipped
  Tensor rate;      // the learning rate times the parameter's factor
  double decay;     // the weight decay times the parameter's factor

  Tensor decayed_gradient() const;  // gradient + decay * parameter
};

// Of all `parameters` but those whose rate is 0: for these no gradient is built. Gradients are cut element by element
// first, then scaled together, so that the norm's bound is what holds in the end. The weight decay comes behind that,
// as in Caffe: the bound is for what single batches bring, and would else give way as the parameters grow. Norms are
// those of the parameters that are trained, summed in float64.
//
// Error if there is no learning rate, an option is out of range, the optimizer takes no momentum, a pattern matches no
// parameter, or nothing is left to train; `name` is the optimizer's in messages.
std::vector<Descent> descents(const char* name, const Tensor& loss, const std::vector<Shared>& parameters,
                              const OptimizerOptions& options);

// The L2 norm of all elements together, a float64 scalar.
Tensor global_norm(const std::vector<Tensor>& tensors);

// A variable of the optimizer with a parameter's type, zero at first.
Shared state_of(const Shared& parameter, const char* what);

// 0 in place of a number too small to be normal. What forgets would else stay among these where nothing more is seen
// (of a word that is rare, say): rounding keeps it from reaching 0, and some CPUs compute with them many times slower.
Tensor without_subnormals(const Tensor& x);

}  // namespace bitale::models
