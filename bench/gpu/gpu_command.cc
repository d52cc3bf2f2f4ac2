// bitale bench gpu: what a network's functions would cost on a GPU, by a model; no GPU is asked.
#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/gpu/commands.h"
#include "bench/gpu/sass.h"
#include "bench/harness/options.h"
#include "bench/study/arguments.h"
#include "frontends/cpp/command.h"
#include "runtime/device/driver.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

// Of an H100: what copies and float32 products reach, how far apart two kernels of a graph begin at least, and what a
// barrier takes of all blocks of a kernel, and of a cluster of blocks. They are assumed, not measured.
struct Gpu {
  double gb_per_s = 3000, gflops = 50000, launch_us = 2, barrier_us = 1, cluster_barrier_us = 0.3;
};

struct Settings {
  SubjectOptions subject;
  Gpu gpu;
  std::string json;
  bool steps = false, sass = false;
};

bool parse(Settings& s, std::span<const std::string> arguments) {
  CLI::App app(
      "What the functions of a network would cost on a GPU, by a model: each launch takes as long as the slowest of "
      "its\n"
      "bytes, its FLOPs and a launch itself, one after another; of a loop that is one kernel, steps take what their\n"
      "bytes or FLOPs do, and barriers are added. It is compiled for the GPU's architecture (NVRTC), and not run.",
      "bitale bench gpu");
  add_subject_options(app, s.subject);
  s.subject.device = "sm_90";
  app.add_option("--gb-per-s", s.gpu.gb_per_s, "memory bandwidth that is reached (3000)")->check(CLI::PositiveNumber);
  app.add_option("--gflops", s.gpu.gflops, "of products that is reached (50000)")->check(CLI::PositiveNumber);
  app.add_option("--launch-us", s.gpu.launch_us, "microseconds of a launch (2)")->check(CLI::PositiveNumber);
  app.add_option("--barrier-us", s.gpu.barrier_us, "microseconds of a barrier in the kernel of a loop (1)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--cluster-barrier-us", s.gpu.cluster_barrier_us, "microseconds of one of a cluster of blocks (0.3)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--steps", s.steps, "also every step");
  app.add_flag("--sass", s.sass,
               "what the contractions and loops became: registers, shared memory, and of contractions the share of "
               "multiply-adds among the instructions along k, which nvdisasm tells (PyPI's nvidia-cuda-nvdisasm)");
  app.add_option("--json", s.json, json_help);
  if (!parse_command_line(app, arguments)) return false;
  finish_subject_options(s.subject);
  if (!is_architecture(s.subject.device))
    throw UsageError(
        fmt::format("bitale bench gpu: --device is an architecture here, as in sm_90, not {}.", s.subject.device));
  return true;
}

double us_of(const StepCost& step, const Gpu& gpu) {
  const double work = std::max(step.bytes / gpu.gb_per_s, step.flops / gpu.gflops) / step.share * 1e-3;
  return step.times * (std::max(work, step.launches * gpu.launch_us) + step.barriers * gpu.barrier_us +
                       step.cluster_barriers * gpu.cluster_barrier_us);
}

struct Cost {
  std::string function;
  double launches = 0, barriers = 0, cluster_barriers = 0, on_host = 0, mb = 0, gflop = 0, us = 0, compile_ms = 0,
         floor_us = 0;
  std::vector<StepCost> steps{};
};

// `mandatory_bytes`: of arguments, parameters and results, which have to be read and written once at least.
Cost cost_of(const std::string& name, const Function& f, const SampleBatch& batch, double mandatory_bytes,
             const Gpu& gpu) {
  Cost c{.function = name};
  c.steps = f.step_costs(batch.arguments);
  for (const StepCost& s : c.steps) {
    c.launches += s.times * s.launches * (s.on_host ? 0 : 1);
    c.barriers += s.times * s.barriers;
    c.cluster_barriers += s.times * s.cluster_barriers;
    c.on_host += s.on_host ? s.times : 0;
    c.mb += s.times * s.bytes * 1e-6;
    c.gflop += s.times * s.flops * 1e-9;
    c.us += us_of(s, gpu);
  }
  c.compile_ms = f.compile_seconds() * 1e3;
  c.floor_us = std::max(mandatory_bytes / gpu.gb_per_s * 1e-3, c.gflop / gpu.gflops * 1e6);
  return c;
}

double bytes_of(const models::BuiltModel& model, const SampleBatch& batch) {
  double bytes = 0;
  for (const Array& a : batch.arrays) bytes += static_cast<double>(a.bytes());
  for (const Shared& p : model.parameters) bytes += static_cast<double>(p.get().bytes());
  return bytes;
}

struct Code {
  std::string function;
  std::vector<ContractionCode> contractions;
};

std::vector<Code> code_of(const models::BuiltModel& model, const SubjectOptions& options) {
  const std::string disassembler = find_disassembler();
  std::vector<Code> all;
  for (const auto& [name, outputs] :
       {std::pair("forward", forward_outputs(model, options)), std::pair("gradient", gradient_outputs(model, options))})
    all.push_back({name, contraction_code(stages(model.inputs, outputs, function_options(options, name)).cuda,
                                          options.device, disassembler)});
  return all;
}

void print(const Code& code) {
  fmt::print("\n{:<44}{:>17}{:>9}{:>11}{:>9}{:>12}{:>8}{:>12}{:>7}\n", code.function + ", contractions, loops", "tile",
             "threads", "registers", "spilled", "shared, KB", "blocks", "loop", "FMA");
  for (const ContractionCode& c : code.contractions)
    fmt::print("  {:<42.42}{:>17}{:>9}{:>11}{:>9}{:>12.1f}{:>8}{:>12}{:>7}\n", c.ops, c.tile, c.threads, c.registers,
               c.spilled_bytes, c.shared_bytes / 1024.0, c.blocks,
               c.loop ? fmt::format("{}", c.loop->instructions) : "-",
               c.loop ? fmt::format("{:.0f} %", 100 * c.loop->share()) : "-");
}

Json to_json(const ContractionCode& c) {
  Json j = {{"name", c.function},
            {"ops", c.ops},
            {"tile", c.tile},
            {"threads", c.threads},
            {"registers", c.registers},
            {"spilled_bytes", c.spilled_bytes},
            {"shared_bytes", c.shared_bytes},
            {"blocks_per_multiprocessor", c.blocks}};
  if (c.loop) {
    j["loop_instructions"] = c.loop->instructions;
    j["loop_multiply_adds"] = c.loop->multiply_adds;
  }
  return j;
}

Json to_json(const Cost& c) {
  return {{"function", c.function}, {"launches", c.launches},
          {"barriers", c.barriers}, {"cluster_barriers", c.cluster_barriers},
          {"on_host", c.on_host},   {"mb", c.mb},
          {"gflop", c.gflop},       {"model_us", c.us},
          {"floor_us", c.floor_us}, {"compile_ms", c.compile_ms}};
}

void print(const Settings& s, const models::BuiltModel& model, const std::vector<Cost>& costs) {
  fmt::print(
      "{}{}, batch {}, {}: a model ({:g} GB/s, {:g} GFLOP/s, {:g} us a launch, {:g} us a barrier, {:g} in a "
      "cluster), not a measurement\n{}\n\n",
      model.name, model.step.empty() ? "" : ", step " + model.step, s.subject.batch, s.subject.device, s.gpu.gb_per_s,
      s.gpu.gflops, s.gpu.launch_us, s.gpu.barrier_us, s.gpu.cluster_barrier_us,
      model.variant + (s.subject.tf32 ? "; TF32" : ""));
  fmt::print("{:<10}{:>10}{:>10}{:>12}{:>9}{:>11}{:>10}{:>11}{:>11}{:>13}\n", "", "launches", "barriers", "in clusters",
             "on host", "MB", "GFLOP", "model, us", "floor, us", "compiled, ms");
  for (const Cost& c : costs)
    fmt::print("{:<10}{:>10.0f}{:>10.0f}{:>12.0f}{:>9.0f}{:>11.2f}{:>10.3f}{:>11.1f}{:>11.1f}{:>13.1f}\n", c.function,
               c.launches, c.barriers, c.cluster_barriers, c.on_host, c.mb, c.gflop, c.us, c.floor_us, c.compile_ms);
  if (!s.steps) return;
  for (const Cost& c : costs) {
    fmt::print("\n{}, step by step{:>25}{:>10}{:>10}{:>12}{:>10}\n", c.function, "times", "launches", "barriers",
               "KB each", "us");
    for (const StepCost& step : c.steps)
      fmt::print("  {:<38.38}{:>6.0f}{:>10}{:>10.0f}{:>12.1f}{:>10.2f}\n", step.label, step.times,
                 step.on_host ? 0 : step.launches, step.barriers + step.cluster_barriers, step.bytes * 1e-3,
                 us_of(step, s.gpu));
  }
}

}  // namespace

int bench_gpu_command(std::span<const std::string> arguments) {
  Settings s;
  if (!parse(s, arguments)) return 0;
  const models::BuiltModel model = build(s.subject);
  if (models::find_model(s.subject.model).sequences() && s.subject.batch_steps == 0) s.subject.batch_steps = 100;
  const SampleBatch batch = sample(s.subject).front();
  const double bytes = bytes_of(model, batch);
  const std::vector<Cost> costs{
      cost_of("forward", compile_forward(model, s.subject), batch, bytes, s.gpu),
      cost_of("gradient", compile_gradient(model, s.subject), batch, 2 * bytes, s.gpu),
  };
  const std::vector<Code> code = s.sass ? code_of(model, s.subject) : std::vector<Code>{};
  if (s.json != "-") print(s, model, costs);
  for (const Code& c : code)
    if (s.json != "-") print(c);
  if (s.json.empty()) return 0;
  Json j = {{"model", model.name},
            {"step", model.step},
            {"batch", s.subject.batch},
            {"architecture", s.subject.device},
            {"tf32", s.subject.tf32},
            {"assumed",
             {{"gb_per_s", s.gpu.gb_per_s},
              {"gflops", s.gpu.gflops},
              {"launch_us", s.gpu.launch_us},
              {"barrier_us", s.gpu.barrier_us}}}};
  for (const Cost& c : costs) j["functions"].push_back(to_json(c));
  for (const Code& c : code)
    for (const ContractionCode& contraction : c.contractions)
      j["contractions"][c.function].push_back(to_json(contraction));
  write_text(s.json, j.dump(2) + "\n");
  return 0;
}

}  // namespace bitale::bench
