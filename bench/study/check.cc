// bitale bench-check MODEL --device NAME: the functions that are measured compute on a device what they do on the CPU.
// Prints an object of JSON: {"agrees": true, "found": "batch 64: loss ...", ...}.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/study/arguments.h"
#include "bench/study/commands.h"
#include "frontends/cpp/command.h"

namespace bitale::bench {
namespace {

// Of the norm of an array's error, relative to the array's: sums are added up in another order. Where a ReLU's operand
// is 0 or a pool's maxima are equal but for rounding, two that are right send a gradient on or do not, of which AlexNet
// has many; operands in TF32 have 10 bits of mantissa.
constexpr double tolerance = 1e-3, tolerance_of_steps = 2e-2;
// Relative to the longest gradient: one whose terms cancel (of a bias, where as many labels are 0 as are 1) is compared
// with this.
constexpr double least_length = 1e-3;

struct Values {
  double loss = 0;
  std::vector<Array> gradients;
};

Values values_of(const models::BuiltModel& model, SubjectOptions options, const std::string& device,
                 const SampleBatch& batch) {
  options.device = device;
  options.tf32 = options.tf32 && device != "cpu";
  return {compile_forward(model, options).call(batch.arguments)[0].at(0),
          compile_gradient(model, options).call(batch.arguments)};
}

// Norms of an array's error, and of the array.
struct Distance {
  double difference = 0, length = 0;
};

Distance distance(const Array& got, const Array& expected) {
  Distance d;
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    d.difference += std::pow(got.at(i) - expected.at(i), 2);
    d.length += std::pow(expected.at(i), 2);
  }
  return {std::sqrt(d.difference), std::sqrt(d.length)};
}

// NaN is farther off than anything.
double known(double error) { return std::isnan(error) ? std::numeric_limits<double>::infinity() : error; }

// The largest relative error, and of what.
std::pair<double, std::string> worst_of(const models::BuiltModel& model, const Values& got, const Values& cpu) {
  std::vector<Distance> distances;
  double longest = 0;
  for (std::size_t i = 0; i < cpu.gradients.size(); ++i) {
    distances.push_back(distance(got.gradients[i], cpu.gradients[i]));
    longest = std::max(longest, distances.back().length);
  }
  std::pair<double, std::string> worst{known(std::abs(got.loss - cpu.loss) / std::abs(cpu.loss)), "the loss"};
  for (std::size_t i = 0; i < distances.size(); ++i) {
    const double error = known(distances[i].difference / std::max(distances[i].length, least_length * longest));
    if (error > worst.first) worst = {error, "the gradient of " + model.parameters[i].name()};
  }
  return worst;
}

nlohmann::ordered_json compared(const models::BuiltModel& model, const SubjectOptions& options) {
  const SampleBatch batch = sample(options).front();
  const Values got = values_of(model, options, options.device, batch), cpu = values_of(model, options, "cpu", batch);
  const std::pair<double, std::string> worst = worst_of(model, got, cpu);
  const bool steps = models::find_model(options.model).fading_weights;
  const double allowed = steps || options.tf32 ? tolerance_of_steps : tolerance;
  const bool agrees = worst.first <= allowed;
  return {{"agrees", agrees},
          {"found", fmt::format("batch {}: loss {:.6f}, on the CPU {:.6f}; {} results, of which {} is off by {:.1e}{}",
                                options.batch, got.loss, cpu.loss, cpu.gradients.size() + 1, worst.second, worst.first,
                                agrees ? "" : fmt::format(", more than {:g}", allowed))},
          {"batch", options.batch},
          {"device", options.device},
          {"loss", got.loss},
          {"loss_on_cpu", cpu.loss},
          {"largest_error", worst.first},
          {"of", worst.second},
          {"allowed", allowed}};
}

}  // namespace

int bench_check_command(std::span<const std::string> arguments) {
  SubjectOptions options;
  CLI::App app("Compares what the functions of a model compute on a device with the CPU.", "bitale bench-check");
  add_subject_options(app, options);
  if (!parse_command_line(app, arguments)) return 0;
  finish_subject_options(options);
  const models::ModelRow& row = models::find_model(options.model);
  // Values that tell something: no gradient is zero, or left to rounding, and nothing is drawn.
  options.random_last_layer = row.zero_last_layer;
  options.scaled_weights = row.fading_weights;
  if (row.dropout) options.dropout = false;
  fmt::print("{}\n", compared(build(options), options).dump());
  return 0;
}

}  // namespace bitale::bench
