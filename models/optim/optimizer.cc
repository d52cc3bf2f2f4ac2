#include "models/optim/optimizer.h"

#include <fmt/format.h>

#include "models/optim/adaptive.h"
#include "models/optim/sgd.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr OptimizerRow rows[] = {
    {"sgd", "stochastic gradient descent, with momentum if that is asked for", 0.05, 0, 0, sgd},
    {"nesterov", "Nesterov's accelerated gradient (momentum 0.9)", 0.05, 0.9, 0, nesterov},
    {"adagrad", "AdaGrad (epsilon 1e-8)", 0.01, {}, 0, adagrad},
    {"adadelta", "AdaDelta (rho 0.95, epsilon 1e-6)", 1, {}, 0, adadelta},
    {"rmsprop", "RMSProp (rho 0.99, epsilon 1e-8)", 0.001, {}, 0, rmsprop},
    {"adam", "Adam (beta 0.9 and 0.999, epsilon 1e-8)", 0.001, {}, 0, adam},
    {"adamw", "Adam whose weight decay (0.01) leaves the gradient alone", 0.001, {}, 0.01, adamw},
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

}  // namespace bitale::models
