#include "bench/study/plan/worker.h"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/machine.h"
#include "bench/harness/process.h"
#include "bench/harness/statistics.h"
#include "bench/study/arguments.h"
#include "bench/study/timing.h"
#include "frontends/cpp/command.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/driver.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t most_played = 2, played_steps = 3;  // of a batch, and of its sequences

Json to_json(const Statistics& s) { return {{"mean", s.mean}, {"std", s.std}, {"min", s.min}, {"median", s.median}}; }

std::int64_t bytes_of(const std::vector<Shared>& variables) {
  std::int64_t bytes = 0;
  for (const Shared& variable : variables) bytes += static_cast<std::int64_t>(variable.get().bytes());
  return bytes;
}

std::int64_t bytes_of(std::span<const SampleBatch> batches) {
  std::int64_t bytes = 0;
  for (const SampleBatch& batch : batches)
    for (const Array& array : batch.arrays) bytes += static_cast<std::int64_t>(array.bytes());
  return bytes;
}

Json run(const SubjectOptions& options, const Pace& pace) {
  const std::int64_t rss_before = peak_rss_bytes();
  const models::BuiltModel model = build(options);
  const std::vector<SampleBatch> batches = sample(options);
  const Timing t = measure(model, options, batches, pace);
  const std::int64_t rss = peak_rss_bytes();
  const Work work = work_of(model, options, batches);
  return {{"threads", t.threads},
          {"isa", t.isa},
          {"device", options.device},
          {"target", options.device == "cpu" ? t.isa : open_driver(options.device)->target()},
          {"tf32", options.tf32},
          {"variant", model.variant},
          {"warmup", t.warmup},
          {"iterations", t.forward_ms.size()},
          {"batches", batches.size()},
          {"forward_ms", to_json(statistics(t.forward_ms))},
          {"gradient_ms", to_json(statistics(t.gradient_ms))},
          {"gflop", {{"forward", work.forward_gflop}, {"gradient", work.gradient_gflop}}},
          {"peak_gflops", t.peak_gflops},
          {"planned_bytes", {{"forward", t.forward_memory.total()}, {"gradient", t.gradient_memory.total()}}},
          {"parameter_bytes", bytes_of(model.parameters) + bytes_of(model.fixed)},
          {"batch_bytes", bytes_of(batches)},
          {"rss_before_bytes", rss_before},
          {"peak_rss_bytes", rss},
          {"recompiled", t.recompiled},
          {"loss", t.loss}};
}

// What compiling several functions one after another costs: seconds, and milliseconds of each phase.
struct CompileTime {
  double seconds = 0;
  int functions = 0;
  bool all_cached = true, none_cached = true;
  Json phases = Json::object();

  void add(const char* phase, double phase_s) {
    Json& sum = phases[phase];
    sum = (sum.is_null() ? 0.0 : sum.get<double>()) + phase_s * 1e3;
  }

  template <class Compile>
  void measure(const Compile& compile) {
    const Stopwatch watch;
    const Function f = compile();
    const double all_s = watch.seconds();
    ++functions;
    seconds += all_s;
    all_cached = all_cached && f.from_cache();
    none_cached = none_cached && !f.from_cache();
    add("differentiate", all_s - f.compile_seconds());
    const Json report = Json::parse(f.compile_report_json());
    for (const Json& phase : report.at("phases"))
      if (phase.at("depth").get<int>() == 0)
        add(phase.at("name").get<std::string>().c_str(), phase.at("seconds").get<double>());
  }
};

}  // namespace

std::vector<std::string> worker_command(const StudyCell& cell) {
  const StudySubject& subject = find_subject(cell.subject);
  const bool runs = cell.kind == StudyKind::run;
  std::vector<std::string> words = {cell.played() ? "bench-check"
                                    : runs        ? "study-run"
                                                  : "study-compile",
                                    subject.model, "--threads", std::to_string(cell.threads)};
  if (cell.device != "cpu") words.insert(words.end(), {"--device", cell.device});
  if (cell.tf32) words.emplace_back("--tf32");
  if (!subject.variant.empty()) words.insert(words.end(), {"--variant", subject.variant});
  if (!cell.step.empty()) words.insert(words.end(), {"--step", cell.step});
  if (cell.played()) {
    words.insert(words.end(), {"--batch", std::to_string(std::min(cell.batch, most_played))});
    if (subject.batches > 1) words.insert(words.end(), {"--batch-steps", std::to_string(played_steps)});
    return words;
  }
  if (!runs) return words;
  words.insert(words.end(),
               {"--batch", std::to_string(cell.batch), "--warmup", std::to_string(cell.pace.warmup), "--iterations",
                std::to_string(cell.pace.iterations), "--budget", fmt::format("{}", cell.pace.budget_s)});
  return words;
}

int study_run_command(std::span<const std::string> arguments) {
  SubjectOptions options;
  Pace pace;
  CLI::App app("Times the functions of a model, for `bitale study`.", "bitale study-run");
  add_subject_options(app, options);
  app.add_option("--warmup", pace.warmup)->required()->check(CLI::NonNegativeNumber);
  app.add_option("--iterations", pace.iterations)->required()->check(CLI::PositiveNumber);
  app.add_option("--budget", pace.budget_s)->check(CLI::NonNegativeNumber);
  if (!parse_command_line(app, arguments)) return 0;
  finish_subject_options(options);
  Json json;
  try {
    json = run(options, pace);
  } catch (const TooLittleMemory& error) {
    json["cannot"] = error.what();
  }
  fmt::print("{}\n", json.dump());
  return 0;
}

int study_compile_command(std::span<const std::string> arguments) {
  SubjectOptions options;
  CLI::App app("Compiles the functions of a model, for `bitale study`.", "bitale study-compile");
  add_subject_options(app, options);
  if (!parse_command_line(app, arguments)) return 0;
  finish_subject_options(options);

  const models::BuiltModel model = build(options, true);
  std::vector<models::BuiltModel> steps = model.before;
  steps.push_back(model);
  CompileTime t;
  for (const models::BuiltModel& step : steps) {
    options.step = step.step;
    t.measure([&] { return compile_forward(step, options); });
    t.measure([&] { return compile_gradient(step, options); });
  }
  const Json json = {{"seconds", t.seconds},         {"functions", t.functions}, {"all_cached", t.all_cached},
                     {"none_cached", t.none_cached}, {"start_ms", start_ms()},   {"phases_ms", t.phases}};
  fmt::print("{}\n", json.dump());
  return 0;
}

}  // namespace bitale::bench
