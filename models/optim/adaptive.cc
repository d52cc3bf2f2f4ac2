#include "models/optim/adaptive.h"

#include <cstdint>
#include <limits>

namespace bitale::models {
namespace {

// 0 in place of a number too small to be normal. A mean that forgets would else stay among these where nothing more is
// seen (of a word that is rare, say): rounding keeps it from reaching 0, and CPUs compute with them many times slower.
Tensor without_subnormals(const Tensor& x) {
  const double least = x.dtype() == float64 ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  return where(abs(x) < least, 0.0, x);
}

// The new value of a mean that forgets: rho times the old one, and the rest of `value`.
Tensor update_mean(Updates& out, const Shared& mean, double rho, const Tensor& value) {
  const Tensor next = without_subnormals(rho * mean + (1 - rho) * value);
  out.updates.emplace_back(mean, next);
  out.state.push_back(mean);
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
    const Tensor squares = update_mean(out, state_of(parameters[i], "squares"), rho, square(gradients[i]));
    const Shared changes = state_of(parameters[i], "changes");
    const Tensor change = sqrt(changes + epsilon) / sqrt(squares + epsilon) * gradients[i];
    update_mean(out, changes, rho, square(change));
    out.updates.emplace_back(parameters[i], parameters[i] - options.learning_rate * change);
  }
  return out;
}

Updates rmsprop(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  constexpr double rho = 0.99, epsilon = 1e-8;
  const std::vector<Tensor> gradients = decayed_gradients("rmsprop", loss, parameters, options);
  Updates out;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor squares = update_mean(out, state_of(parameters[i], "squares"), rho, square(gradients[i]));
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
    const Tensor mean = update_mean(out, state_of(parameters[i], "mean"), beta1, gradients[i]);
    const Tensor squares = update_mean(out, state_of(parameters[i], "squares"), beta2, square(gradients[i]));
    const Tensor size = sqrt(squares / seen_share(beta2, step, dtype)) + epsilon;
    const Tensor change = mean / seen_share(beta1, step, dtype) / size;
    out.updates.emplace_back(parameters[i], parameters[i] - options.learning_rate * change);
  }
  out.updates.emplace_back(steps, step);
  out.state.push_back(steps);
  return out;
}

}  // namespace bitale::models
