#include "models/optim/sgd.h"

#include "models/optim/descent.h"

namespace bitale::models {
namespace {

// The velocity after a step that adds `change` to what is left of it.
Tensor update_velocity(Updates& out, const Shared& parameter, double momentum, const Tensor& change) {
  const Shared velocity = state_of(parameter, "velocity");
  const Tensor next = without_subnormals(momentum * velocity + change);
  out.updates.emplace_back(velocity, next);
  out.state.push_back(velocity);
  return next;
}

}  // namespace

Updates sgd(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  Updates out;
  for (const Descent& d : descents("sgd", loss, parameters, options)) {
    Tensor change = -(d.rate * d.decayed_gradient());
    if (options.momentum > 0) change = update_velocity(out, d.parameter, options.momentum, change);
    out.updates.emplace_back(d.parameter, d.parameter + change);
  }
  return out;
}

Updates nesterov(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  Updates out;
  for (const Descent& d : descents("nesterov", loss, parameters, options)) {
    Tensor change = -(d.rate * d.decayed_gradient());
    if (options.momentum > 0)
      change = options.momentum * update_velocity(out, d.parameter, options.momentum, change) + change;
    out.updates.emplace_back(d.parameter, d.parameter + change);
  }
  return out;
}

}  // namespace bitale::models
