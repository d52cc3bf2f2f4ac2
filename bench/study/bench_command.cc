// bitale bench MODEL: what a network costs to run and to compile.

#include <optional>
#include <span>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/machine.h"
#include "bench/harness/options.h"
#include "bench/harness/statistics.h"
#include "bench/study/arguments.h"
#include "bench/study/commands.h"
#include "bench/study/compile_time.h"
#include "bench/study/timing.h"
#include "compiler/codegen/codegen.h"
#include "frontends/cpp/command.h"
#include "models/data/study_lengths.h"
#include "runtime/base/flags.h"
#include "runtime/base/version.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int one_batch_warmup = 20, one_batch_iterations = 100;  // of a model whose study has an epoch

struct Settings {
  SubjectOptions subject;
  std::string json;
  int warmup = -1, iterations = -1;  // negative: those of the study
};

struct Report {
  std::string model, step, variant;
  SubjectOptions subject;
  Timing timing;
  Statistics forward, gradient;
  CompileTimes compile;
  Work work;
  std::optional<models::EpochSize> epoch;  // of models that read sequences
  std::int64_t peak_rss_bytes = 0;

  double forward_gflops() const { return work.forward_gflop / (forward.median * 1e-3); }
  double gradient_gflops() const { return work.gradient_gflop / (gradient.median * 1e-3); }
};

bool parse(Settings& s, std::span<const std::string> arguments) {
  CLI::App app("Measures a network: running times, compile times, memory.", "bitale bench");
  add_subject_options(app, s.subject);
  app.add_option("--iterations", s.iterations, "timed calls of each function, or epochs (those of the study)")
      ->check(CLI::PositiveNumber);
  app.add_option("--warmup", s.warmup, "calls or epochs before them (those of the study)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--json", s.json, json_help);
  app.footer(
      "Not networks, but what they are made of:\n"
      "  bitale bench conv      the convolutions of a network, layer by layer, by every algorithm\n"
      "  bitale bench gemm      matrix products against OpenBLAS\n"
      "  bitale bench gpu       what a network would cost on a GPU, by a model\n"
      "  bitale bench loops     a step of a loop, and what it costs beside its body\n"
      "  bitale bench leaves    the generated micro-kernels, and packing, alone");
  if (!parse_command_line(app, arguments)) return false;
  finish_subject_options(s.subject);
  const models::ModelRow& row = models::find_model(s.subject.model);
  const bool one_batch = s.subject.batch_steps > 0;
  if (s.warmup < 0) s.warmup = one_batch ? one_batch_warmup : row.warmup;
  if (s.iterations < 0) s.iterations = one_batch ? one_batch_iterations : row.iterations;
  return true;
}

models::EpochSize size_of(std::span<const SampleBatch> batches) {
  models::EpochSize size;
  for (const SampleBatch& batch : batches) {
    ++size.batches;
    size.steps += batch.steps;
    size.tokens += batch.steps * batch.size;
  }
  return size;
}

// One report for each step of training that is asked for.
std::vector<Settings> step_by_step(const Settings& settings) {
  const models::ModelRow& row = models::find_model(settings.subject.model);
  if (row.steps.empty() || !settings.subject.step.empty()) return {settings};
  std::vector<Settings> all;
  for (const char* step : row.steps) all.emplace_back(settings).subject.step = step;
  return all;
}

Report measure(const Settings& s) {
  const models::BuiltModel model = build(s.subject);
  const std::vector<SampleBatch> batches = sample(s.subject);
  Report r;
  r.model = model.name;
  r.step = model.step;
  r.subject = s.subject;
  r.timing = measure(model, s.subject, batches, {s.warmup, s.iterations});
  r.peak_rss_bytes = peak_rss_bytes();
  r.variant = model.variant + (s.subject.device == "cpu" ? "; isa " + r.timing.isa : s.subject.tf32 ? "; TF32" : "");
  if (s.subject.input_gradient) r.variant += "; with the gradient of the data";
  if (!s.subject.loss_in_forward) r.variant += "; forward without loss";
  if (s.subject.dropout.value_or(false)) r.variant += "; with dropout";
  if (models::find_model(s.subject.model).sequences()) r.epoch = size_of(batches);
  r.forward = statistics(r.timing.forward_ms);
  r.gradient = statistics(r.timing.gradient_ms);
  r.work = work_of(model, s.subject, batches);
  r.compile = measure_compile_times(s.subject);
  return r;
}

// All steps but the last one are pretraining.
double pretraining_gradient_ms(std::span<const Report> reports) {
  double sum = 0;
  for (const Report& r : reports.first(reports.size() - 1)) sum += r.gradient.median;
  return sum;
}

// ---- output ----

Json to_json(const Statistics& s) { return {{"mean", s.mean}, {"std", s.std}, {"min", s.min}, {"median", s.median}}; }

template <class T>
Json both(T forward, T gradient) {
  return {{"forward", forward}, {"gradient", gradient}};
}

Json to_json(const Report& r) {
  Json j;
  j["model"] = r.model;
  if (!r.step.empty()) j["step"] = r.step;
  j["variant"] = r.variant;
  j["device"] = r.subject.device;
  j["tf32"] = r.subject.tf32;
  j["threads"] = r.timing.threads;
  j["batch"] = r.subject.batch;
  if (r.epoch) {
    j["epoch"] = {{"batches", r.epoch->batches},         {"steps", r.epoch->steps},
                  {"tokens", r.epoch->tokens},           {"forward_ms", r.timing.forward_ms},
                  {"gradient_ms", r.timing.gradient_ms}, {"recompiled", r.timing.recompiled}};
  }
  j["forward_ms"] = to_json(r.forward);
  j["gradient_ms"] = to_json(r.gradient);
  j["first_compile_ms"] = both(r.compile.first_forward_ms, r.compile.first_gradient_ms);
  j["recompile_ms"] = both(r.compile.again_forward_ms, r.compile.again_gradient_ms);
  j["process_start_ms"] = r.compile.process_start_ms;
  j["gflop"] = both(r.work.forward_gflop, r.work.gradient_gflop);
  j["gflops"] = both(r.forward_gflops(), r.gradient_gflops());
  j["peak_gflops"] = r.timing.peak_gflops;
  j["planned_bytes"] = both(r.timing.forward_memory.total(), r.timing.gradient_memory.total());
  j["peak_rss_bytes"] = r.peak_rss_bytes;
  j["loss"] = r.subject.loss_in_forward ? Json(r.timing.loss) : Json();
  j["versions"] = {
      {"bitale", version()}, {"code_generator", codegen::host_generator_version()}, {"compiler", building_compiler()}};
  return j;
}

// Of one report the report; else an object of them.
Json to_json(std::span<const Report> reports) {
  if (reports.size() == 1) return to_json(reports[0]);
  Json j;
  j["model"] = reports[0].model;
  for (const Report& r : reports) j["steps"][r.step] = to_json(r);
  j["pretraining_gradient_ms"] = pretraining_gradient_ms(reports);
  return j;
}

void print_row(const char* name, const Statistics& s, double gflop, double gflops, double peak) {
  fmt::print("{:<10}{:>9.3f}{:>9.3f}{:>9.3f}{:>9.3f}{:>9.4f}{:>9.1f}", name, s.median, s.mean, s.std, s.min, gflop,
             gflops);
  if (peak > 0) fmt::print("{:>8.1f} %", gflops / peak * 100);
  fmt::print("\n");
}

double mib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void print_table(const Report& r, int iterations) {
  const bool on_cpu = r.subject.device == "cpu";
  const double peak = on_cpu ? r.timing.peak_gflops : 0;  // not of a device
  fmt::print("{}{}, batch {}, {}, {} {} of each function\n{}\n", r.model, r.step.empty() ? "" : ", step " + r.step,
             r.subject.batch,
             on_cpu ? fmt::format("{} thread{}", r.timing.threads, r.timing.threads == 1 ? "" : "s")
                    : "device " + r.subject.device,
             iterations, r.epoch && r.epoch->batches > 1 ? "epochs" : "calls", r.variant);
  if (r.epoch) {
    fmt::print("{} batch{}, {} steps, {} words with padding; figures are of a call, on average over an epoch; {}\n",
               r.epoch->batches, r.epoch->batches == 1 ? "" : "es", r.epoch->steps, r.epoch->tokens,
               r.timing.recompiled ? "compiled again for some of them" : "compiled once for all of them");
  }
  fmt::print("\n");
  fmt::print("{:<10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}\n", "ms", "median", "mean", "std", "min", "GFLOP", "GFLOP/s",
             on_cpu ? "of peak" : "");
  print_row("forward", r.forward, r.work.forward_gflop, r.forward_gflops(), peak);
  print_row("gradient", r.gradient, r.work.gradient_gflop, r.gradient_gflops(), peak);
  fmt::print("\n{:<34}{:>10}{:>10}\n", "", "forward", "gradient");
  fmt::print("{:<34}{:>10.2f}{:>10.2f}\n", "compiling, empty cache, ms", r.compile.first_forward_ms,
             r.compile.first_gradient_ms);
  fmt::print("{:<34}{:>10.2f}{:>10.2f}\n", "compiling, filled cache, ms", r.compile.again_forward_ms,
             r.compile.again_gradient_ms);
  fmt::print("{:<34}{:>10.2f}{:>10.2f}\n", "planned memory, MiB", mib(r.timing.forward_memory.total()),
             mib(r.timing.gradient_memory.total()));
  fmt::print("\nprocess start {:.2f} ms; peak resident memory {:.1f} MiB", r.compile.process_start_ms,
             mib(r.peak_rss_bytes));
  if (on_cpu) fmt::print("; FMA peak {:.1f} GFLOP/s", peak);
  if (r.subject.loss_in_forward) fmt::print("; loss {:.6f}", r.timing.loss);
  fmt::print("\n");
  if (flags().profile)
    fmt::print("\nforward, step by step\n{}\ngradient, step by step\n{}", r.timing.forward_profile,
               r.timing.gradient_profile);
}

}  // namespace

int bench_model_command(std::span<const std::string> arguments) {
  Settings settings;
  if (!parse(settings, arguments)) return 0;
  std::vector<Report> reports;
  for (const Settings& step : step_by_step(settings)) {
    const Report& report = reports.emplace_back(measure(step));
    if (settings.json == "-") continue;
    if (reports.size() > 1) fmt::print("\n");
    print_table(report, settings.iterations);
  }
  if (settings.json != "-" && reports.size() > 1)
    fmt::print("\npretraining, gradients of all its steps: {:.3f} ms\n", pretraining_gradient_ms(reports));
  if (!settings.json.empty()) write_text(settings.json, to_json(reports).dump(2) + "\n");
  return 0;
}

}  // namespace bitale::bench
