#include "tests/unit/models/zoo/directions.h"

#include <algorithm>
#include <cmath>

#include "models/data/numpy_random.h"

namespace bitale::tests {
namespace {

double product(const Array& a, const Array& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += a.at(i) * b.at(i);
  return sum;
}

Array moved(const Array& from, const Array& direction, double distance) {
  Array to = from.clone();
  for (std::int64_t i = 0; i < to.size(); ++i)
    to.view<double>()[static_cast<std::size_t>(i)] += distance * direction.at(i);
  return to;
}

}  // namespace

std::vector<DirectionError> direction_errors(const models::BuiltModel& model, const Tensor& loss,
                                             const std::vector<Array>& inputs, double step) {
  const std::vector<Argument> arguments(inputs.begin(), inputs.end());
  const Function value = function(model.inputs, {loss}, {.unused_inputs = true});
  const Function gradient = function(model.inputs, grad(loss, model.parameter_tensors()), {.unused_inputs = true});
  std::vector<Array> states;
  for (const Shared& state : model.random_states) states.push_back(state.get());
  const auto call = [&](const Function& f) {
    for (std::size_t i = 0; i < states.size(); ++i) Shared(model.random_states[i]).set(states[i]);
    return f.call(arguments);
  };

  models::NumpyRandom random(5);
  const std::vector<Array> gradients = call(gradient);
  std::vector<DirectionError> out;
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    const Shared& parameter = model.parameters[p];
    const Array before = parameter.get();
    DirectionError result{parameter.name(), 0, std::sqrt(product(gradients[p], gradients[p]))};
    for (const Array& direction : {gradients[p], random.normal(1, before.shape(), float64)}) {
      const double length = std::sqrt(product(direction, direction));
      double losses[2] = {};
      for (int side = 0; side < 2; ++side) {
        Shared(parameter).set(moved(before, direction, (side == 0 ? step : -step) / length));
        losses[side] = call(value)[0].at(0);
      }
      Shared(parameter).set(before);
      const double difference = (losses[0] - losses[1]) / (2 * step);
      const double rule = product(gradients[p], direction) / length;
      result.error =
          std::max(result.error, std::abs(rule - difference) / std::max(std::abs(rule), std::abs(difference)));
    }
    out.push_back(result);
  }
  return out;
}

void scale(const Shared& parameter, double factor) {
  Array value = parameter.get();
  for (double& v : value.view<double>()) v *= factor;
  Shared(parameter).set(value);
}

}  // namespace bitale::tests
