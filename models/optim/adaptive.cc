#include "models/optim/adaptive.h"

#include <cstdint>

namespace bitale::models {
namespace {

void keep(Updates& out, const Shared& variable, const Tensor& next) {
  out.updates.emplace_back(variable, next);
  out.state.push_back(variable);
}

// The new value of "<parameter>.<what>", a mean that forgets: rho times the old one, and the rest of `value`.
Tensor running_mean(Updates& out, const Shared& parameter, const char* what, double rho, const Tensor& value) {
  const Shared mean = state_of(parameter, what);
  const Tensor next = rho * mean + (1 - rho) * value;
  keep(out, mean, next);
  return next;
}

// 1 - beta^step, in the dtype of the parameters: what a mean that began with zero has seen so far.
Tensor seen_share(double beta, const Tensor& step, DType dtype) {
  return cast(1.0 - pow(full(beta, float64, {}), cast(step, float64)), dtype);
}

}  // namespace

Updates adadelta(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  constexpr double rho = 0.95, epsilon = 1e-6;
  const std::vector<Tensor> gradients = decayed_gradients("adadelta", loss, parameters, options);
  Updates out;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor squares = running_mean(out, parameters[i], "squares", rho, square(gradients[i]));
    const Shared changes = state_of(parameters[i], "changes");
    const Tensor change = sqrt(changes + epsilon) / sqrt(squares + epsilon) * gradients[i];
    keep(out, changes, rho * changes + (1 - rho) * square(change));
    out.updates.emplace_back(parameters[i], parameters[i] - options.learning_rate * change);
  }
  return out;
}

Updates rmsprop(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  constexpr double rho = 0.99, epsilon = 1e-8;
  const std::vector<Tensor> gradients = decayed_gradients("rmsprop", loss, parameters, options);
  Updates out;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor squares = running_mean(out, parameters[i], "squares", rho, square(gradients[i]));
    const Tensor change = gradients[i] / (sqrt(squares) + epsilon);
    out.updates.emplace_back(parameters[i], parameters[i] - options.learning_rate * change);
  }
  return out;
}

Updates adam(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  const std::vector<Tensor> gradients = decayed_gradients("adam", loss, parameters, options);
  Updates out;
  const Shared steps("steps", Array::scalar(std::int64_t{0}));
  const Tensor step = steps + 1;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const DType dtype = parameters[i].dtype();
    const Tensor mean = running_mean(out, parameters[i], "mean", beta1, gradients[i]);
    const Tensor squares = running_mean(out, parameters[i], "squares", beta2, square(gradients[i]));
    const Tensor size = sqrt(squares / seen_share(beta2, step, dtype)) + epsilon;
    const Tensor change = mean / seen_share(beta1, step, dtype) / size;
    out.updates.emplace_back(parameters[i], parameters[i] - options.learning_rate * change);
  }
  keep(out, steps, step);
  return out;
}

}  // namespace bitale::models
