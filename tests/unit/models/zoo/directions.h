// Gradients of a model against differences of its loss, in float64.
#pragma once

#include "models/zoo/models.h"

namespace bitale::tests {

// For each parameter the largest of: how the derivative along a direction that the gradient gives differs from that of
// differences, relative to the larger one, for the gradient's own direction and a random one. Random states are as they
// were before every call. Parameters are left as they were.
struct DirectionError {
  std::string parameter;
  double error = 0, length = 0;  // of the gradient
};
std::vector<DirectionError> direction_errors(const models::BuiltModel& model, const Tensor& loss,
                                             const std::vector<Array>& inputs, double step = 1e-6);

// Multiplies a float64 parameter.
void scale(const Shared& parameter, double factor);

}  // namespace bitale::tests
