// bitale bench conv: the convolutions of a network, layer by layer, form by form, by every algorithm.

#include <algorithm>
#include <cmath>
#include <optional>

#include <CLI/CLI.hpp>
#include <bitale/bitale.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/conv/commands.h"
#include "bench/conv/cudnn_plans.h"
#include "bench/conv/layers.h"
#include "bench/harness/options.h"
#include "bench/harness/statistics.h"
#include "compiler/codegen/codegen.h"
#include "frontends/cpp/command.h"
#include "runtime/base/stopwatch.h"
#include "runtime/base/version.h"
#include "runtime/device/cpu.h"
#include "runtime/device/pool.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* forms[] = {"forward", "backward-data", "backward-filters"};
constexpr ConvAlgorithm all_algorithms[] = {ConvAlgorithm::automatic, ConvAlgorithm::implicit_gemm,
                                            ConvAlgorithm::im2col,    ConvAlgorithm::direct,
                                            ConvAlgorithm::winograd,  ConvAlgorithm::fft};

struct Settings {
  std::string net = "lenet", isa, json;
  std::vector<std::string> algorithms, layers;
  std::int64_t batch = 0;
  int threads = 0, calls = 7;
  double seconds = 2;
  bool without_groups = false, check = true;
  CudnnPlanSettings cudnn;
};

// Nothing is measured then: the two kinds of options exclude each other.
void add_cudnn_options(CLI::App& app, CudnnPlanSettings& s, std::span<CLI::Option* const> measured) {
  CLI::Option* const device = app.add_option(
      "--device", s.device, "sm_90: measure nothing, and list what cuDNN would compute them by on such a GPU");
  for (CLI::Option* option : measured) device->excludes(option);
  app.add_option("--layout", s.layouts, "with --device, of: nchw, nhwc (both)")->delimiter(',')->needs(device);
  app.add_option("--dtype", s.dtype, "with --device: float32, float64, float16 or bfloat16 (float32)")->needs(device);
  app.add_flag("--tf32", s.tf32, "with --device: tensor cores may round float32 operands")->needs(device);
  app.add_flag("--deterministic", s.deterministic, "with --device: the same bits in every run")->needs(device);
  app.add_flag("--all", s.all, "with --device: all plans, and what was refused")->needs(device);
}

bool parse(Settings& s, std::span<const std::string> arguments) {
  CLI::App app(
      "Measures the convolutions of a network and their gradients, by every algorithm that can compute them: median\n"
      "time of a call, GFLOP/s by the work of the sum as it stands, memory besides operands and result, and the\n"
      "largest error against float64 as a share of the root mean square of the result.",
      "bitale bench conv");
  app.add_option("--net", s.net, "one of: " + conv_net_names() + " (lenet)");
  app.add_option("--layers", s.layers, "layers by name (all)")->delimiter(',');
  app.add_option("--batch", s.batch, "images per call (that of the study)")->check(CLI::PositiveNumber);
  app.add_flag("--no-groups", s.without_groups, "one group in every layer");
  CLI::Option* const measured[] = {
      app.add_option("--algorithms", s.algorithms, "of: " + conv_algorithm_names() + " (all)")->delimiter(','),
      app.add_option("--threads", s.threads, "0: all CPUs of this process (0)")->check(CLI::NonNegativeNumber),
      app.add_option("--isa", s.isa, "instruction set: v2, v3, v4 (the best that this CPU executes)"),
      app.add_option("--calls", s.calls, "timed calls of each function, fewer if they take long (7)")
          ->check(CLI::PositiveNumber),
      app.add_option("--seconds", s.seconds, "no further call of a function after so long (2)")
          ->check(CLI::PositiveNumber),
      app.add_flag("!--no-check", s.check, "leave out the errors, which float64 takes its time for"),
  };
  add_cudnn_options(app, s.cudnn, measured);
  app.add_option("--json", s.json, json_help);
  if (!parse_command_line(app, arguments)) return false;
  if (!s.isa.empty()) executable_isa(s.isa);
  if (s.cudnn.layouts.empty()) s.cudnn.layouts = {"nchw", "nhwc"};
  return true;
}

// The three sides of a layer.
struct Operands {
  Array image, filters, result;
};

Array uniform_array(const Extents& shape, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(Array::zeros(float32, shape).size()));
  std::uint64_t state = seed;
  for (float& v : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = static_cast<float>(static_cast<double>(state >> 33) / 2147483648.0 - 0.5);
  }
  return Array::of<float>(values, shape);
}

Operands operands(const ConvLayer& l, std::int64_t batch) {
  return {uniform_array({batch, l.channels, l.size, l.size}, 1),
          uniform_array({l.filters, l.channels / l.groups, l.kernel, l.kernel}, 2),
          uniform_array({batch, l.filters, l.positions(), l.positions()}, 3)};
}

Tensor symbol(const char* name, DType dtype, const Array& like) {
  return input(name, dtype, Shape(like.shape().begin(), like.shape().end()));
}

// One form of a layer as a function of the two sides that it is computed from.
Function compile(const ConvLayer& l, const Operands& o, int form, DType dtype, ConvAlgorithm algorithm,
                 const Settings& s) {
  const Tensor x = symbol("image", dtype, o.image), w = symbol("filters", dtype, o.filters),
               dy = symbol("result", dtype, o.result);
  const Tensor y = conv2d(x, w, {.stride = {l.stride}, .padding = Padding(l.padding), .groups = l.groups});
  const FunctionOptions options{.name = fmt::format("{}_{}", l.name, form),
                                .threads = s.threads,
                                .isa = s.isa,
                                .cache = false,
                                .conv = algorithm};
  if (form == 0) return function({x, w}, {y}, options);
  const Tensor wrt = form == 1 ? x : w;
  return function({form == 1 ? w : x, dy}, vjp({y}, {dy}, {wrt}), options);
}

std::vector<Argument> arguments(const Operands& o, int form) {
  if (form == 0) return {o.image, o.filters};
  return {form == 1 ? o.filters : o.image, o.result};
}

// The line of the compile report about the one convolution: "<convolution>: <algorithm> (<why>)".
struct Choice {
  std::string algorithm, why;
};
Choice choice_of(const Function& f) {
  const Json report = Json::parse(f.compile_report_json());
  const std::string line = report.at("chosen").at(0);
  std::string name;
  std::size_t first = std::string::npos;  // why may name others
  for (const ConvAlgorithm a : all_algorithms)
    if (const std::size_t at = line.find(std::string(": ") + to_string(a)); at < first) {
      first = at;
      name = to_string(a);
    }
  if (!name.empty()) {
    const std::size_t open = line.find('(', first + name.size());
    return {name, open == std::string::npos ? "" : line.substr(open + 1, line.rfind(')') - open - 1)};
  }
  throw Error("bench conv: the compile report says nothing of the convolution: " + line);
}

double error_of(const Array& got, const Array& expected) {
  double worst = 0, squares = 0;
  for (std::int64_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::fabs(got.at(i) - expected.at(i)));
    squares += expected.at(i) * expected.at(i);
  }
  return squares > 0 ? worst / std::sqrt(squares / static_cast<double>(got.size())) : worst;
}

std::vector<double> timed(const Function& f, const std::vector<Argument>& in, const Settings& s) {
  std::vector<double> ms;
  double total = 0;
  f.call(in);
  while (static_cast<int>(ms.size()) < s.calls && (ms.empty() || total < s.seconds * 1e3)) {
    const Stopwatch call;
    f.call(in);
    ms.push_back(call.ms());
    total += ms.back();
  }
  return ms;
}

Json measure(const ConvLayer& l, std::int64_t batch, int form, const std::vector<ConvAlgorithm>& algorithms,
             const Settings& s) {
  const Operands o = operands(l, batch);
  const std::vector<Argument> in = arguments(o, form);
  std::optional<Array> expected;
  if (s.check) {
    const auto wide = [](const Array& a) { return a.cast(float64); };
    const Operands exact{wide(o.image), wide(o.filters), wide(o.result)};
    expected = compile(l, o, form, float64, ConvAlgorithm::implicit_gemm, s).call(arguments(exact, form))[0];
  }
  Json out = Json::array();
  for (const ConvAlgorithm algorithm : algorithms) {
    const Function f = compile(l, o, form, float32, algorithm, s);
    const Choice choice = choice_of(f);
    Json row = {{"layer", l.name}, {"form", forms[form]}, {"algorithm", to_string(algorithm)}};
    if (algorithm != ConvAlgorithm::automatic && choice.algorithm != to_string(algorithm)) {
      row["why_not"] = choice.why;
      out.push_back(row);
      continue;
    }
    const std::vector<double> ms = timed(f, in, s);
    const PlannedMemory memory = f.planned_memory(in);
    row["chosen"] = choice.algorithm;
    row["why"] = choice.why;
    row["ms"] = {{"median", median(ms)}, {"min", statistics(ms).min}, {"calls", ms.size()}};
    row["gflop"] = l.gflop(batch);
    row["gflops"] = l.gflop(batch) / median(ms) * 1e3;
    row["scratch_bytes"] = memory.arena_bytes + memory.pack_bytes;
    if (expected) row["error"] = error_of(f.call(in)[0], *expected);
    out.push_back(row);
  }
  return out;
}

void print(const Json& row) {
  fmt::print("{:<7}{:<18}{:<15}", row["layer"].get<std::string>(), row["form"].get<std::string>(),
             row["algorithm"].get<std::string>());
  if (row.contains("why_not")) {
    fmt::print("  {}\n", row["why_not"].get<std::string>());
    return;
  }
  fmt::print("{:>11.3f}{:>10.1f}{:>12.2f}", row["ms"]["median"].get<double>(), row["gflops"].get<double>(),
             row["scratch_bytes"].get<double>() / (1 << 20));
  fmt::print("{:>11}", row.contains("error") ? fmt::format("{:.1e}", row["error"].get<double>()) : "-");
  if (row["algorithm"] != row["chosen"]) fmt::print("  {}", row["chosen"].get<std::string>());
  fmt::print("\n");
}

}  // namespace

int bench_conv_command(std::span<const std::string> arguments) {
  Settings s;
  if (!parse(s, arguments)) return 0;
  const ConvNet& net = find_conv_net(s.net);
  const std::vector<ConvLayer> layers = layers_of(net, s.layers, s.without_groups);
  const std::int64_t batch = s.batch > 0 ? s.batch : net.batch;
  if (!s.cudnn.device.empty()) {
    list_cudnn_plans(s.cudnn, net.name, layers, batch, s.json);
    return 0;
  }
  std::vector<ConvAlgorithm> algorithms;
  for (const std::string& name : s.algorithms) algorithms.push_back(conv_algorithm(name));
  if (algorithms.empty()) algorithms.assign(std::begin(all_algorithms), std::end(all_algorithms));
  if (s.threads == 0) s.threads = default_threads();

  Json report = {{"net", net.name},
                 {"cpu", cpu_info().model},
                 {"isa", s.isa.empty() ? to_string(executable_isas().back()) : s.isa},
                 {"threads", s.threads},
                 {"batch", batch},
                 {"versions",
                  {{"bitale", version()},
                   {"code_generator", codegen::host_generator_version()},
                   {"compiler", building_compiler()}}},
                 {"rows", Json::array()}};
  const bool table = s.json != "-";
  if (table) {
    fmt::print("{}, batch {}, float32, {} thread{}, {}\n\n", net.name, batch, s.threads, s.threads == 1 ? "" : "s",
               report["isa"].get<std::string>());
    fmt::print("{:<7}{:<18}{:<15}{:>11}{:>10}{:>12}{:>11}\n", "layer", "form", "algorithm", "median ms", "GFLOP/s",
               "scratch MiB", "error");
  }
  for (const ConvLayer& layer : layers)
    for (int form = 0; form < 3; ++form)
      for (const Json& row : measure(layer, batch, form, algorithms, s)) {
        report["rows"].push_back(row);
        if (table) print(row);
      }
  if (!s.json.empty()) write_text(s.json, report.dump(2) + "\n");
  return 0;
}

}  // namespace bitale::bench
