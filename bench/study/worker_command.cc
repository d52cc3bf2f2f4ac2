// bitale bench-worker MODEL: serves measurements over standard input and output, one line each, for bench/compare.
//
//   write FILE           -> {}                 parameters, batch, loss and gradients without dropout, as safetensors
//   forward N            -> {"ms": [...]}      N calls with weights that stay the same
//   forward_changed N    -> {"ms": [...]}      N calls, with weights that count as changed before every one
//   gradient N           -> {"ms": [...]}      the same of the gradient function
//   peak                 -> {"gflops": x}
//   quit
// The first line it prints describes the worker.
//
// Of an epoch of batches, N counts epochs, and a time is that of a call on average over one. The file then has the
// inputs of batch i as ids.i, mask.i..., the losses in one array, and the sums of the batches' gradients.

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <optional>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/process.h"
#include "bench/study/arguments.h"
#include "bench/study/commands.h"
#include "bench/study/timing.h"
#include "compiler/codegen/codegen.h"
#include "frontends/cpp/command.h"
#include "models/data/safetensors.h"
#include "runtime/base/stopwatch.h"
#include "runtime/base/version.h"
#include "runtime/device/driver.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

class Worker {
 public:
  explicit Worker(const SubjectOptions& options)
      : options_(options),
        model_(build(options)),
        forward_(compile_forward(model_, options)),
        gradient_(compile_gradient(model_, options)),
        compile_s_(compilation_.seconds()),
        batches_(sample(options)),
        updated_(update_of(model_, options)) {
    for (const Shared& parameter : model_.parameters) values_.push_back(parameter.get());
  }

  Json description() const {
    const bool on_cpu = options_.device == "cpu";
    const Work work = work_of(model_, options_, batches_);
    return {{"name", "bitale"},
            {"versions",
             {{"bitale", version()},
              {"code_generator",
               on_cpu ? codegen::host_generator_version() : "code for " + open_driver(options_.device)->target()}}},
            {"variant", model_.variant + (on_cpu          ? "; isa " + isa_name(options_)
                                          : options_.tf32 ? "; " + options_.device + ", TF32"
                                                          : "; " + options_.device)},
            {"gflop", {{"forward", work.forward_gflop}, {"gradient", work.gradient_gflop}}},
            {"compile_s", compile_s_}};
  }

  Json answer(const std::string& verb, const std::string& argument) {
    if (verb == "write") return write(argument);
    if (verb == "peak") return {{"gflops", measured_peak(options_, forward_.threads())}};
    const int count = std::atoi(argument.c_str());
    if (verb == "forward") return {{"ms", times(forward_, count, false)}};
    if (verb == "forward_changed") return {{"ms", times(forward_, count, true)}};
    if (verb == "gradient") return {{"ms", times(gradient_, count, true)}};
    throw UsageError(
        fmt::format("bitale bench-worker: '{}' is not write, forward, forward_changed, gradient, peak or quit.", verb));
  }

 private:
  Json write(const std::string& path) const {
    models::NamedArrays out;
    for (const Shared& parameter : model_.parameters) out.arrays.emplace_back(parameter.name(), parameter.get());
    for (const Shared& variable : model_.fixed) out.arrays.emplace_back(variable.name(), variable.get());
    for (std::size_t b = 0; b < batches_.size(); ++b)
      for (std::size_t i = 0; i < model_.inputs.size(); ++i)
        out.arrays.emplace_back(model_.input_names[i] + (batches_.size() > 1 ? fmt::format(".{}", b) : ""),
                                batches_[b].arrays[i]);
    // Nobody draws the numbers that another program draws.
    SubjectOptions certain = options_;
    if (certain.dropout) certain.dropout = false;
    const bool same = certain.dropout == options_.dropout;
    const Function forward = same ? forward_ : compile_forward(model_, certain);
    const Function gradient = same ? gradient_ : compile_gradient(model_, certain);
    std::vector<double> losses;
    std::vector<Array> gradients;  // summed over the batches
    for (const SampleBatch& batch : batches_) {
      losses.push_back(forward.call(batch.arguments)[0].at(0));
      add(gradients, gradient.call(batch.arguments));
    }
    out.arrays.emplace_back("loss", Array::of<double>(losses, {static_cast<std::int64_t>(losses.size())}));
    for (std::size_t i = 0; i < model_.parameters.size(); ++i)
      out.arrays.emplace_back("gradient." + model_.parameters[i].name(), gradients[i]);
    models::write_safetensors(path, out);
    return Json::object();
  }

  // The first are taken as they are.
  static void add(std::vector<Array>& sums, std::vector<Array> more) {
    if (sums.empty()) {
      sums = std::move(more);
      return;
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const DType dtype = sums[i].dtype();
      if (is_only_stored(dtype)) {
        sums[i] = sums[i].cast(float32);
        more[i] = more[i].cast(float32);
      }
      dtype == float64 ? add<double>(sums[i], more[i]) : add<float>(sums[i], more[i]);
      if (is_only_stored(dtype)) sums[i] = sums[i].cast(dtype);
    }
  }

  template <class T>
  static void add(Array& sum, const Array& more) {
    const std::span<const T> terms = more.view<T>();
    std::ranges::transform(sum.view<T>(), terms, sum.view<T>().begin(), std::plus<>());
  }

  std::vector<double> times(const Function& function, int count, bool change) const {
    std::vector<double> out;
    for (int i = 0; i < count; ++i) {
      double ms = 0;
      for (const SampleBatch& batch : batches_) {
        if (change) change_parameters();
        ms += time_ms(function, batch.arguments);
      }
      out.push_back(ms / static_cast<double>(batches_.size()));
    }
    return out;
  }

  // To the values that they have. A device writes them where they are: nothing is copied there in the call that
  // follows.
  void change_parameters() const {
    if (!updated_) {
      for (std::size_t p = 0; p < values_.size(); ++p) Shared(model_.parameters[p]).set(values_[p]);
      return;
    }
    updated_->call({});
    updated_->wait();
  }

  static std::optional<Function> update_of(const models::BuiltModel& model, const SubjectOptions& options) {
    if (options.device == "cpu") return std::nullopt;
    FunctionOptions update{.name = "update", .device = options.device};
    for (const Shared& parameter : model.parameters) update.updates.emplace_back(parameter, parameter * 1.0);
    return function({}, {}, update);
  }

  SubjectOptions options_;
  models::BuiltModel model_;
  Stopwatch compilation_;
  Function forward_, gradient_;
  double compile_s_;
  std::vector<SampleBatch> batches_;
  std::optional<Function> updated_;  // of a device
  std::vector<Array> values_;
};

void say(const Json& json) {
  fmt::print("{}\n", json.dump());
  std::fflush(stdout);
}

}  // namespace

int bench_worker_command(std::span<const std::string> arguments) {
  SubjectOptions options;
  CLI::App app("Serves measurements to bench/compare.", "bitale bench-worker");
  add_subject_options(app, options);
  if (!parse_command_line(app, arguments)) return 0;
  finish_subject_options(options);

  Worker worker(options);
  say(worker.description());
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::istringstream words(line);
    std::string verb, argument;
    words >> verb >> argument;
    say(worker.answer(verb, argument));
  }
  return 0;
}

}  // namespace bitale::bench
