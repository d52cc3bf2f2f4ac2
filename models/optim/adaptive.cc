#include "models/optim/adaptive.h"

#include <cstdint>

#include "models/optim/descent.h"

namespace bitale::models {
namespace {

// Notes what a variable of the optimizer becomes.
Tensor update(Updates& out, const Shared& variable, const Tensor& value) {
  const Tensor next = without_subnormals(value);
  out.updates.emplace_back(variable, next);
  out.state.push_back(variable);
  return next;
}

// The new value of a mean that forgets: rho times the old one, and the rest of `value`.
Tensor update_mean(Updates& out, const Shared& mean, double rho, const Tensor& value) {
  return update(out, mean, rho * mean + (1 - rho) * value);
}

// 1 - beta^step, in the dtype of the parameters: what a mean that began with zero has seen so far.
Tensor seen_share(double beta, const Tensor& step, DType dtype) {
  return cast(1.0 - pow(full(beta, float64, {}), cast(step, float64)), dtype);
}

// The step of Adam for gradients as given, which is to be subtracted times the rate.
Tensor adam_change(Updates& out, const Shared& parameter, const Tensor& gradient, const Tensor& step) {
  constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  const DType dtype = parameter.dtype();
  const Tensor mean = update_mean(out, state_of(parameter, "mean"), beta1, gradient);
  const Tensor squares = update_mean(out, state_of(parameter, "squares"), beta2, square(gradient));
  const Tensor size = sqrt(squares / seen_share(beta2, step, dtype)) + epsilon;
  return mean / seen_share(beta1, step, dtype) / size;
}

// A variable that counts steps; `next` is its new value.
struct Steps {
  Shared variable{"steps", Array::scalar(std::int64_t{0})};
  Tensor next = variable + 1;

  void note(Updates& out) const {
    out.updates.emplace_back(variable, next);
    out.state.push_back(variable);
  }
};

}  // namespace

Updates adagrad(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  constexpr double epsilon = 1e-8;
  Updates out;
  for (const Descent& d : descents("adagrad", loss, parameters, options)) {
    const Tensor gradient = d.decayed_gradient();
    const Shared squares = state_of(d.parameter, "squares");
    const Tensor change = gradient / (sqrt(update(out, squares, squares + square(gradient))) + epsilon);
    out.updates.emplace_back(d.parameter, d.parameter - d.rate * change);
  }
  return out;
}

Updates adadelta(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  constexpr double rho = 0.95, epsilon = 1e-6;
  Updates out;
  for (const Descent& d : descents("adadelta", loss, parameters, options)) {
    const Tensor gradient = d.decayed_gradient();
    const Tensor squares = update_mean(out, state_of(d.parameter, "squares"), rho, square(gradient));
    const Shared changes = state_of(d.parameter, "changes");
    const Tensor change = sqrt(changes + epsilon) / sqrt(squares + epsilon) * gradient;
    update_mean(out, changes, rho, square(change));
    out.updates.emplace_back(d.parameter, d.parameter - d.rate * change);
  }
  return out;
}

Updates rmsprop(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  constexpr double rho = 0.99, epsilon = 1e-8;
  Updates out;
  for (const Descent& d : descents("rmsprop", loss, parameters, options)) {
    const Tensor gradient = d.decayed_gradient();
    const Tensor squares = update_mean(out, state_of(d.parameter, "squares"), rho, square(gradient));
    out.updates.emplace_back(d.parameter, d.parameter - d.rate * (gradient / (sqrt(squares) + epsilon)));
  }
  return out;
}

Updates adam(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  Updates out;
  const Steps steps;
  for (const Descent& d : descents("adam", loss, parameters, options)) {
    const Tensor change = adam_change(out, d.parameter, d.decayed_gradient(), steps.next);
    out.updates.emplace_back(d.parameter, d.parameter - d.rate * change);
  }
  steps.note(out);
  return out;
}

Updates adamw(const Tensor& loss, const std::vector<Shared>& parameters, const OptimizerOptions& options) {
  Updates out;
  const Steps steps;
  for (const Descent& d : descents("adamw", loss, parameters, options)) {
    Tensor change = adam_change(out, d.parameter, d.gradient, steps.next);
    if (d.decay > 0) change = change + d.decay * d.parameter;
    out.updates.emplace_back(d.parameter, d.parameter - d.rate * change);
  }
  steps.note(out);
  return out;
}

}  // namespace bitale::models
