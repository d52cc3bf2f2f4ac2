#include "compiler/driver/compile.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "compiler/codegen/codegen.h"
#include "compiler/driver/build_id.h"
#include "compiler/driver/cache.h"
#include "compiler/driver/key.h"
#include "compiler/driver/pipeline.h"
#include "compiler/driver/step_check.h"
#include "compiler/driver/tuned.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/log.h"
#include "runtime/device/cpu.h"
#include "runtime/device/pool.h"
#include "runtime/program/abi.h"

namespace bitale::driver {
namespace {

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

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

std::string settings_of(const CompileOptions& o, Isa isa) {
  return fmt::format("level {} relaxed {} isa {} abi {} disabled '{}' generator '{}' build {}", o.level, o.relaxed,
                     to_string(isa), abi_version, flags().disable, codegen::host_generator_version(), build_id());
}

// The optimised graph, with its phases noted in the report.
lower::FunctionGraph optimise(const lower::FunctionGraph& g, const CompileOptions& options, CompileReport& report) {
  ir::Graph graph;
  graph.inputs = g.inputs;
  graph.inputs.insert(graph.inputs.end(), g.shareds.begin(), g.shareds.end());
  graph.outputs = g.outputs;
  for (const auto& u : g.updates) graph.outputs.push_back(u.second);
  rewrite::PassContext context;
  context.level = options.level;
  context.options.relaxed = options.relaxed;
  context.options.disabled = split(flags().disable);
  std::vector<rewrite::PassReport> passes;
  const Clock clock;
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
  lower::FunctionGraph out = g;
  out.requirements = lower::requirements_of(g);
  for (std::size_t i = 0; i < out.outputs.size(); ++i) out.outputs[i] = graph.outputs[i].named(g.outputs[i].name());
  for (std::size_t i = 0; i < out.updates.size(); ++i) out.updates[i].second = graph.outputs[out.outputs.size() + i];
  return out;
}

// The number of elements of a group of dims where all are constant; 0 if unknown.
std::int64_t constant_product(const program::Program& p, const std::vector<program::ContractionDim>& dims) {
  std::int64_t n = 1;
  for (const auto& d : dims) {
    const program::ExtentDef& e = p.extents[static_cast<std::size_t>(d.extent)];
    if (e.op != program::ExtentOp::constant) return 0;
    n *= e.a;
  }
  return n;
}

// Picks the tile of every contraction and collects the leaves they need, each once.
std::vector<codegen::Leaf> choose_tiles(program::Program& p, Isa isa) {
  std::vector<codegen::Leaf> leaves;
  auto entry = [&](const codegen::Leaf& leaf) {
    const auto it = std::find(leaves.begin(), leaves.end(), leaf);
    const auto i = static_cast<int>(it - leaves.begin());
    if (it == leaves.end()) leaves.push_back(leaf);
    return static_cast<int>(p.entries.size()) + i;
  };
  for (program::Step& step : p.steps) {
    auto* c = std::get_if<program::ContractionStep>(&step.node);
    if (!c) continue;
    const codegen::TileShape t =
        codegen::choose_tile(isa, c->dtype, constant_product(p, c->m), constant_product(p, c->n));
    c->tile.mr = t.mr;
    c->tile.nr = t.nr;
    c->tile.micro = entry({codegen::Leaf::Kind::micro, c->dtype, t.mr, t.nr, 0});
    c->tile.pack_a = entry({codegen::Leaf::Kind::pack, c->dtype, 0, 0, t.mr});
    c->tile.pack_b = entry({codegen::Leaf::Kind::pack, c->dtype, 0, 0, t.nr});
  }
  for (const codegen::Leaf& l : leaves) p.entries.push_back({codegen::name_of(l), codegen::name_of(l)});
  return leaves;
}

// At the highest level of optimisation every contraction runs by its fastest candidate.
void leave_to_tuner(program::Program& p, int level) {
  for (program::Step& step : p.steps)
    if (auto* c = std::get_if<program::ContractionStep>(&step.node); c && level >= 3 && !c->accumulating)
      c->candidate = program::ContractionCandidate::tuned;
}

void dump(const std::string& function, const std::string& stage, const std::string& text) {
  if (flags().dump.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(flags().dump, ignored);
  std::ofstream file(flags().dump + "/" + function + "." + stage + ".txt");
  file << text;
  if (!file) warn("cannot write a dump to " + flags().dump);
}

std::string text_of(const std::vector<kernel::Kernel>& kernels) {
  std::string s;
  for (const kernel::Kernel& k : kernels) s += kernel::to_string(k) + "\n";
  return s;
}

void generate(lower::Lowered& l, const CompileOptions& options, Isa isa, CompileReport& report) {
  const std::vector<codegen::Leaf> leaves = choose_tiles(l.program, isa);
  codegen::Request request;
  for (const kernel::Kernel& k : l.kernels) request.kernels.push_back(&k);
  request.leaves = leaves;
  request.isa = isa;
  request.threads = available_cpus();
  request.quick = options.level == 0;
  const Clock clock;
  codegen::Generator& generator = codegen::host_generator();
  report.phases.push_back({"load code generator", clock.seconds(), 0, ""});
  const Clock generation;
  codegen::Generated g = generator.generate(request);
  report.phases.push_back(
      {"generate code", generation.seconds(), 0,
       fmt::format("{} kernels, {} leaves, {} threads", l.kernels.size(), leaves.size(), request.threads)});
  for (std::size_t i = 0; i < g.seconds.size(); ++i)
    report.phases.push_back({l.program.entries[i].name, g.seconds[i], 1, ""});
  report.phases.push_back({"link", g.link_seconds, 1, ""});
  for (std::size_t i = 0; i < g.listing.size(); ++i) dump(l.program.name, l.program.entries[i].name, g.listing[i]);
  l.program.blobs.push_back(std::move(g.blob));
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

// With the step checker for the program, if there is to be one.
std::pair<program::Program, std::shared_ptr<const executor::StepChecker>> build(const lower::FunctionGraph& graph,
                                                                                const CompileOptions& options, Isa isa,
                                                                                CompileReport& report) {
  const lower::FunctionGraph optimised = optimise(graph, options, report);
  const Clock clock;
  lower::Lowered l = lower::lower(optimised);
  report.phases.push_back(
      {"lower", clock.seconds(), 0,
       fmt::format("{} nodes -> {} groups, {} distinct kernels", l.nodes, l.groups, l.kernels.size())});
  leave_to_tuner(l.program, options.level);
  for (const kernel::Kernel& k : l.kernels) kernel::verify(k);
  dump(graph.name, "kernels", text_of(l.kernels));
  generate(l, options, isa, report);
  program::verify(l.program);
  dump(graph.name, "program", program::to_string(l.program));
  return {std::move(l.program), options.check ? step_checker(l) : nullptr};
}

}  // namespace

Compiled compile(const lower::FunctionGraph& graph, const CompileOptions& given) {
  CompileOptions options = given;
  options.check = options.check || flags().check;
  const Clock total;
  Compiled out;
  CompileReport& report = out.report;
  report.function = graph.name;
  const Isa isa = options.isa.empty() ? default_isa() : isa_from_text(options.isa);
  const Cache cache = options.use_cache && !options.check && !is_process_local(graph) ? Cache::from_flags() : Cache("");
  const std::vector<SourceLine> lines = canonical_lines(graph);
  std::optional<program::Program> program;
  Digest key;
  if (cache.enabled()) {
    const Clock clock;
    key = cache_key(graph, settings_of(options, isa));
    program = cache.load(key);
    if (program) decode_lines(*program, lines);
    report.phases.push_back({"look in the cache", clock.seconds(), 0, program ? "hit" : "miss"});
  }
  report.cache = !cache.enabled() ? "off" : program ? "hit" : "miss";
  if (!program) {
    std::tie(program, out.checker) = build(graph, options, isa, report);
    if (cache.enabled()) {
      const Clock clock;
      program::Program stored = *program;
      encode_lines(stored, lines);
      cache.store(key, stored);
      report.phases.push_back({"write to the cache", clock.seconds(), 0, ""});
    }
  }
  const Clock load;
  out.program = std::make_shared<const program::Program>(std::move(*program));
  auto runnable = std::make_shared<executor::Runnable>(out.program, target_of(isa));
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
  const lower::FunctionGraph optimised = optimise(graph, options, ignored);
  s.optimised = ir::to_string(as_graph(optimised), true);
  s.optimised_dot = ir::to_dot(as_graph(optimised));
  lower::Lowered l = lower::lower(optimised);
  leave_to_tuner(l.program, options.level);
  s.kernels = text_of(l.kernels);
  s.program = program::to_string(l.program);
  return s;
}

}  // namespace bitale::driver
