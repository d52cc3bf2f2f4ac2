#include "models/optim/optimizer.h"

#include <fmt/format.h>

#include "models/optim/adaptive.h"
#include "models/optim/sgd.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

const OptimizerRow rows[] = {
    {"sgd", "stochastic gradient descent, with momentum if that is asked for", 0.05, true, sgd},
    {"adadelta", "AdaDelta (rho 0.95, epsilon 1e-6)", 1, false, adadelta},
    {"rmsprop", "RMSProp (rho 0.99, epsilon 1e-8)", 0.001, false, rmsprop},
    {"adam", "Adam (beta 0.9 and 0.999, epsilon 1e-8)", 0.001, false, adam},
};

}  // namespace

std::span<const OptimizerRow> all_optimizers() { return rows; }

std::string optimizer_names() {
  std::string names;
  for (const OptimizerRow& row : rows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

const OptimizerRow& find_optimizer(const std::string& name) {
  for (const OptimizerRow& row : rows)
    if (name == row.name) return row;
  throw Error(fmt::format("there is no optimizer '{}'; there are: {}.", name, optimizer_names()));
}

std::vector<Tensor> decayed_gradients(const char* name, const Tensor& loss, const std::vector<Shared>& parameters,
                                      const OptimizerOptions& options) {
  if (!options.learning_rate) throw Error(fmt::format("{}: a learning rate is needed.", name));
  if (!(options.momentum >= 0 && options.momentum < 1)) {
    throw Error(fmt::format("{}: the momentum is at least 0 and less than 1, {} was given.", name, options.momentum));
  }
  if (options.momentum > 0 && !find_optimizer(name).momentum)
    throw Error(fmt::format("{}: it takes no momentum, {} was given.", name, options.momentum));
  if (!(options.weight_decay >= 0))
    throw Error(fmt::format("{}: the weight decay must not be negative, {} was given.", name, options.weight_decay));
  std::vector<Tensor> gradients = grad(loss, {parameters.begin(), parameters.end()});
  if (options.weight_decay > 0)
    for (std::size_t i = 0; i < gradients.size(); ++i)
      gradients[i] = gradients[i] + options.weight_decay * parameters[i];
  return gradients;
}

Shared state_of(const Shared& parameter, const char* what) {
  return {parameter.name() + "." + what, Array::zeros(parameter.dtype(), parameter.get().shape())};
}

}  // namespace bitale::models
