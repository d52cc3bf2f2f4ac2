#include "compiler/driver/compile.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "compiler/codegen/codegen.h"
#include "compiler/driver/build_id.h"
#include "compiler/driver/cache.h"
#include "compiler/driver/device.h"
#include "compiler/driver/dump.h"
#include "compiler/driver/generate.h"
#include "compiler/driver/kernel_cache.h"
#include "compiler/driver/key.h"
#include "compiler/driver/pipeline.h"
#include "compiler/driver/step_check.h"
#include "compiler/driver/tuned.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/log.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/cpu.h"
#include "runtime/device/pool.h"
#include "runtime/program/abi.h"

namespace bitale::driver {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::string word;
  for (char c : text + ",") {
    if (c != ',')
      word += c;
    else if (!word.empty())
      out.push_back(std::exchange(word, ""));
  }
  return out;
}

// What the code depends on beside the graph and the options.
std::string target_settings(const CompileOptions& o, const Driver* device, Isa isa) {
  if (device) return device_settings(*device, o.tf32);
  return fmt::format("isa {} generator '{}'", to_string(isa), codegen::host_generator_version());
}

std::string settings_of(const CompileOptions& o, const Driver* device, Isa isa) {
  std::string algorithms;
  for (const auto& [ops, algorithm] : o.algorithms) algorithms += ops + "=" + algorithm + " ";
  return fmt::format("level {} relaxed {} algorithms '{}' {} abi {} disabled '{}' build {}", o.level, o.relaxed,
                     algorithms, target_settings(o, device, isa), abi_version, flags().disable, build_id());
}

// The optimised graph, with its phases noted in the report.
lower::FunctionGraph optimise(const lower::FunctionGraph& g, const CompileOptions& options,
                              const rewrite::Refusal& refusal, bool blocks, CompileReport& report) {
  ir::Graph graph;
  graph.inputs = g.inputs;
  graph.inputs.insert(graph.inputs.end(), g.shareds.begin(), g.shareds.end());
  graph.outputs = g.outputs;
  for (const auto& u : g.updates) graph.outputs.push_back(u.second);
  rewrite::PassContext context;
  context.level = options.level;
  context.options.relaxed = options.relaxed;
  context.algorithms = options.algorithms;
  context.refusal = refusal;
  context.blocks = blocks;
  context.tf32 = options.tf32;
  context.options.disabled = split(flags().disable);
  std::vector<rewrite::PassReport> passes;
  const Stopwatch clock;
  graph = rewrite::run_pipeline(pipeline(), std::move(graph), context, passes);
  report.phases.push_back({"optimise", clock.seconds(), 0, ""});
  for (const auto& p : passes)
    report.phases.push_back({"pass " + p.name, p.seconds, 1,
                             p.changed ? fmt::format("{} -> {} nodes", p.nodes_before, p.nodes_after) : "unchanged"});
  if (!passes.empty()) {
    report.nodes_before = passes.front().nodes_before;
    report.nodes_after = passes.back().nodes_after;
  }
  report.rules_fired = context.rules_fired;
  report.chosen = context.choices;
  lower::FunctionGraph out = g;
  out.requirements = lower::requirements_of(g);
  for (std::size_t i = 0; i < out.outputs.size(); ++i) out.outputs[i] = graph.outputs[i].named(g.outputs[i].name());
  for (std::size_t i = 0; i < out.updates.size(); ++i) out.updates[i].second = graph.outputs[out.outputs.size() + i];
  return out;
}

// Of the algorithms of convolutions that the device does not have (null: the CPU).
rewrite::Refusal refusal_of(const Driver* device) {
  return [device](const std::string& algorithm) -> std::string {
    if (algorithm != "cudnn") return "";
    return device ? device->why_not_convolve() : "it is for device cuda, an NVIDIA GPU";
  };
}

// At the highest level of optimisation every contraction runs by its fastest candidate.
void leave_to_tuner(program::Program& p, int level) {
  for (program::Step& step : p.steps)
    if (auto* c = std::get_if<program::ContractionStep>(&step.node); c && level >= 3 && !c->accumulating)
      c->candidate = program::ContractionCandidate::tuned;
}

std::string text_of(const std::vector<kernel::Kernel>& kernels) {
  std::string s;
  for (const kernel::Kernel& k : kernels) s += kernel::to_string(k) + "\n";
  return s;
}

void count_steps(const program::Program& p, CompileReport& report) {
  report.steps = static_cast<int>(p.steps.size());
  for (const program::Step& s : p.steps) {
    report.kernels += std::holds_alternative<program::KernelStep>(s.node);
    report.contractions += std::holds_alternative<program::ContractionStep>(s.node);
    report.library_calls += std::holds_alternative<program::LibraryStep>(s.node);
  }
  for (const program::Blob& b : p.blobs) report.code_bytes += static_cast<std::int64_t>(b.bytes.size());
}

bool is_quick(const CompileOptions& options) { return options.level == 0; }

// With the step checker for the program, if there is to be one.
std::pair<program::Program, std::shared_ptr<const executor::StepChecker>> build(const lower::FunctionGraph& graph,
                                                                                const CompileOptions& options, Isa isa,
                                                                                const Driver* device,
                                                                                const KernelCache& kernels,
                                                                                CompileReport& report) {
  const lower::FunctionGraph optimised = optimise(graph, options, refusal_of(device), device == nullptr, report);
  const Stopwatch clock;
  lower::Lowered l = lower::lower(optimised, device != nullptr);
  report.phases.push_back(
      {"lower", clock.seconds(), 0,
       fmt::format("{} nodes -> {} groups, {} distinct kernels", l.nodes, l.groups, l.kernels.size())});
  leave_to_tuner(l.program, options.level);
  for (const kernel::Kernel& k : l.kernels) kernel::verify(k);
  dump(graph.name, "kernels", text_of(l.kernels));
  if (device)
    generate_for_device(l, *device, {options.tf32, options.relaxed}, report);
  else
    generate(l, isa, is_quick(options), kernels, report);
  program::verify(l.program);
  dump(graph.name, "program", program::to_string(l.program));
  return {std::move(l.program), options.check ? step_checker(l) : nullptr};
}

}  // namespace

Compiled compile(const lower::FunctionGraph& graph, const CompileOptions& given) {
  CompileOptions options = given;
  options.check = options.check || flags().check;
  const Stopwatch total;
  Compiled out;
  CompileReport& report = out.report;
  report.function = graph.name;
  const Isa isa = options.isa.empty() ? default_isa() : isa_from_text(options.isa);
  const std::shared_ptr<Driver> device = options.device == "cpu" ? nullptr : open_driver(options.device);
  const Cache cache = options.use_cache && !options.check && !is_process_local(graph) ? Cache::from_flags() : Cache("");
  const std::vector<SourceLine> lines = canonical_lines(graph);
  std::optional<program::Program> program;
  Digest key;
  if (cache.enabled()) {
    const Stopwatch clock;
    key = cache_key(graph, settings_of(options, device.get(), isa));
    program = cache.load(key);
    if (program) decode_lines(*program, lines);
    report.phases.push_back({"look in the cache", clock.seconds(), 0, program ? "hit" : "miss"});
  }
  report.cache = !cache.enabled() ? "off" : program ? "hit" : "miss";
  if (!program) {
    const KernelCache kernels(cache, isa, is_quick(options));
    std::tie(program, out.checker) = build(graph, options, isa, device.get(), kernels, report);
    if (cache.enabled()) {
      const Stopwatch clock;
      program::Program stored = *program;
      encode_lines(stored, lines);
      if (cache.store(key, stored) && !device) kernels.add(stored.entries, key);
      report.phases.push_back({"write to the cache", clock.seconds(), 0, ""});
    }
  }
  const Stopwatch load;
  out.program = std::make_shared<const program::Program>(std::move(*program));
  auto runnable = device ? std::make_shared<executor::Runnable>(out.program, device)
                         : std::make_shared<executor::Runnable>(out.program, target_of(isa));
  runnable->tune_with(tuning_records(cache));
  if (out.checker) runnable->check_steps(out.checker);
  out.runnable = std::move(runnable);
  report.phases.push_back({"load", load.seconds(), 0, ""});
  count_steps(*out.program, report);
  report.seconds = total.seconds();
  if (log_enabled(2)) log(2, report.table());
  return out;
}

Stages show_stages(const lower::FunctionGraph& graph, const CompileOptions& options) {
  auto as_graph = [](const lower::FunctionGraph& g) {
    ir::Graph out{g.inputs, g.outputs};
    for (const auto& u : g.updates) out.outputs.push_back(u.second);
    return out;
  };
  Stages s;
  CompileReport ignored;
  s.input = ir::to_string(as_graph(graph), true);
  s.input_dot = ir::to_dot(as_graph(graph));
  const std::shared_ptr<Driver> device = options.device == "cpu" ? nullptr : open_driver(options.device);
  const lower::FunctionGraph optimised = optimise(graph, options, refusal_of(device.get()), device == nullptr, ignored);
  s.optimised = ir::to_string(as_graph(optimised), true);
  s.optimised_dot = ir::to_dot(as_graph(optimised));
  lower::Lowered l = lower::lower(optimised, device != nullptr);
  leave_to_tuner(l.program, options.level);
  s.kernels = text_of(l.kernels);
  s.program = program::to_string(l.program);
  lower::Lowered on_gpu = device ? std::move(l) : lower::lower(optimise(graph, options, {}, false, ignored), true);
  s.cuda = cuda_text(on_gpu, device.get());
  return s;
}

}  // namespace bitale::driver
