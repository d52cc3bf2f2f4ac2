#include "models/optim/descent.h"

#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

void check_not_negative(const char* name, const char* what, double value) {
  if (!(value >= 0 && std::isfinite(value)))
    throw Error(fmt::format("{}: the {} must not be negative, {} was given.", name, what, value));
}

void check(const char* name, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  if (!options.learning_rate) throw Error(fmt::format("{}: a learning rate is needed.", name));
  if (!(options.momentum >= 0 && options.momentum < 1)) {
    throw Error(fmt::format("{}: the momentum is at least 0 and less than 1, {} was given.", name, options.momentum));
  }
  if (options.momentum > 0 && !find_optimizer(name).momentum)
    throw Error(fmt::format("{}: it takes no momentum, {} was given.", name, options.momentum));
  check_not_negative(name, "weight decay", options.weight_decay);
  check_not_negative(name, "bound of gradients", options.clip_value);
  check_not_negative(name, "bound of the gradients' norm", options.clip_norm);
  std::vector<std::string> names;
  for (const Shared& parameter : parameters) names.push_back(parameter.name());
  check(options.rates, names, fmt::format("{}, rates", name));
  check(options.decays, names, fmt::format("{}, factors of the weight decay", name));
}

// One scalar that all are multiplied by, 1 where the norm is within the bound.
void scale_to_norm(std::vector<Tensor>& gradients, double bound) {
  const Tensor norm = global_norm(gradients);
  const Tensor factor = where(norm > bound, bound / norm, 1.0);
  for (Tensor& gradient : gradients) gradient = gradient * cast(factor, gradient.dtype());
}

std::vector<Tensor> clipped_gradients(const Tensor& loss, const std::vector<Tensor>& trained,
                                      const OptimizerOptions& options) {
  std::vector<Tensor> gradients = grad(loss, trained);
  if (options.clip_value > 0)
    for (Tensor& gradient : gradients) gradient = clip(gradient, -options.clip_value, options.clip_value);
  if (options.clip_norm > 0) scale_to_norm(gradients, options.clip_norm);
  return gradients;
}

}  // namespace

Tensor Descent::decayed_gradient() const { return decay > 0 ? gradient + decay * parameter : gradient; }

std::vector<Descent> descents(const char* name, const Tensor& loss, const std::vector<Shared>& parameters,
                              const OptimizerOptions& options) {
  check(name, parameters, options);
  std::vector<Descent> out;
  std::vector<Tensor> trained;
  for (const Shared& parameter : parameters) {
    const double rate = factor_of(options.rates, parameter.name());
    if (rate == 0) continue;
    out.push_back({.parameter = parameter,
                   .gradient = {},
                   .rate = rate == 1 ? options.learning_rate : rate * options.learning_rate,
                   .decay = options.weight_decay * factor_of(options.decays, parameter.name())});
    trained.push_back(parameter);
  }
  if (trained.empty()) throw Error(fmt::format("{}: all parameters have the rate 0: nothing is left to train.", name));
  const std::vector<Tensor> gradients = clipped_gradients(loss, trained, options);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].gradient = gradients[i];
  return out;
}

Tensor global_norm(const std::vector<Tensor>& tensors) {
  Tensor squares = zeros(float64, {});
  for (const Tensor& t : tensors) squares = squares + sum(square(cast(t, float64)));
  return sqrt(squares);
}

Shared state_of(const Shared& parameter, const char* what) {
  return {parameter.name() + "." + what, Array::zeros(parameter.dtype(), parameter.get().shape())};
}

Tensor without_subnormals(const Tensor& x) {
  const double least = x.dtype() == float64 ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  return where(abs(x) < least, 0.0, x);
}

}  // namespace bitale::models
