#include "models/optim/sgd.h"

namespace bitale::models {

Updates sgd(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  const std::vector<Tensor> gradients = decayed_gradients("sgd", loss, parameters, options);
  Updates out;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Shared& parameter = parameters[i];
    Tensor change = -(options.learning_rate * gradients[i]);
    if (options.momentum > 0) {
      const Shared velocity = state_of(parameter, "velocity");
      change = options.momentum * velocity + change;
      out.updates.emplace_back(velocity, change);
      out.state.push_back(velocity);
    }
    out.updates.emplace_back(parameter, parameter + change);
  }
  return out;
}

}  // namespace bitale::models
