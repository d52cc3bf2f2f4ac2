#include "models/optim/sgd.h"

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace bitale::models {

Sgd step(const Tensor& loss, const std::vector<Shared>& parameters, const SgdOptions& options) {
  if (!options.learning_rate) throw Error("sgd: a learning rate is needed.");
  if (!(options.momentum >= 0 && options.momentum < 1))
    throw Error(fmt::format("sgd: the momentum is at least 0 and less than 1, {} was given.", options.momentum));
  if (!(options.weight_decay >= 0))
    throw Error(fmt::format("sgd: the weight decay must not be negative, {} was given.", options.weight_decay));

  const std::vector<Tensor> gradients = grad(loss, {parameters.begin(), parameters.end()});
  Sgd sgd;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Shared& parameter = parameters[i];
    Tensor gradient = gradients[i];
    if (options.weight_decay > 0) gradient = gradient + options.weight_decay * parameter;
    Tensor change = -(options.learning_rate * gradient);
    if (options.momentum > 0) {
      const Shared velocity(parameter.name() + ".velocity", Array::zeros(parameter.dtype(), parameter.get().shape()));
      change = options.momentum * velocity + change;
      sgd.updates.emplace_back(velocity, change);
      sgd.velocities.push_back(velocity);
    }
    sgd.updates.emplace_back(parameter, parameter + change);
  }
  return sgd;
}

}  // namespace bitale::models
