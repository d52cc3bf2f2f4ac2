#include "models/zoo/models.h"

#include <fmt/format.h>

#include "frontends/cpp/command.h"
#include "models/zoo/lenet.h"
#include "models/zoo/lstm_sentiment.h"

namespace bitale::models {
namespace {

constexpr double flops_per_mac = 2;

const ModelRow rows[] = {
    {"lenet", "LeNet on 28 x 28 digits: two convolutions, two dense layers", build_lenet, sample_lenet, false, 64, 200,
     200},
    {"lstm", "an LSTM that tells positive from negative reviews", build_lstm, sample_lstm, true, 16, 1, 5},
};

double gflop(std::int64_t batch, double macs) { return flops_per_mac * static_cast<double>(batch) * macs * 1e-9; }

}  // namespace

double BuiltModel::forward_gflop(std::int64_t batch, std::int64_t steps) const {
  return gflop(batch, forward_macs + static_cast<double>(steps) * step_macs);
}

double BuiltModel::gradient_gflop(std::int64_t batch, std::int64_t steps) const {
  return gflop(batch, 3 * (forward_macs + static_cast<double>(steps) * step_macs) - first_layer_macs);
}

std::vector<Tensor> BuiltModel::parameter_tensors() const { return {parameters.begin(), parameters.end()}; }

std::span<const ModelRow> all_models() { return rows; }

std::string model_names() {
  std::string names;
  for (const ModelRow& row : rows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

const ModelRow& find_model(const std::string& name) {
  for (const ModelRow& row : rows)
    if (name == row.name) return row;
  throw UsageError(fmt::format("there is no model '{}'; there are: {}.", name, model_names()));
}

}  // namespace bitale::models
