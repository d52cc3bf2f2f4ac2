#include "bench/compile_time/graphs_command.h"

#include <functional>
#include <vector>

#include <CLI/CLI.hpp>
#include <bitale/bitale.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/options.h"
#include "frontends/cpp/command.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/cpu.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Family {
  const char* name;
  const char* help;
  Tensor (*loss)(const Tensor& x, int nodes);
};

// Each of n nodes reads the one before it.
Tensor chain(const Tensor& x, int nodes) {
  Tensor y = x;
  for (int i = 0; i < nodes; ++i) y = i % 2 == 0 ? sin(y) : y * (1.0 + 1e-6 * i);
  return sum(y);
}

// Half of n nodes read x, the others add them up in pairs.
Tensor wide(const Tensor& x, int nodes) {
  std::vector<Tensor> layer;
  for (int i = 0; i < nodes / 2; ++i) layer.push_back(x * (1.0 + 1e-4 * i));
  while (layer.size() > 1) {
    std::vector<Tensor> next;
    for (std::size_t i = 0; i + 1 < layer.size(); i += 2) next.push_back(layer[i] + layer[i + 1]);
    if (layer.size() % 2 == 1) next.push_back(layer.back());
    layer = std::move(next);
  }
  return sum(layer[0]);
}

// A network of n / 6 narrow layers.
Tensor deep(const Tensor& x, int nodes) {
  Tensor h = x;
  for (int i = 0; i < nodes / 6; ++i) h = tanh(h * 0.5 + flip(h, {0}) * (0.5 - 1e-6 * i));
  return mean(square(h));
}

const Family families[] = {
    {"chain", "each node reads the one before it", chain},
    {"wide", "half of the nodes read the input, the others add them up", wide},
    {"deep", "layers of six nodes, each of which reads the one before it", deep},
};

Json measure(const Family& family, int nodes, const FunctionOptions& options) {
  const Tensor x = input("x", float32, {16});
  const Stopwatch build;
  const Tensor loss = family.loss(x, nodes);
  const double build_ms = build.ms();
  const Stopwatch differentiate;
  const Tensor gradient = grad(loss, x);
  const double differentiate_ms = differentiate.ms();
  const Stopwatch compile;
  const Function f = function({x}, {loss, gradient}, options);
  const double compile_ms = compile.ms();
  const Json report = Json::parse(f.compile_report_json());
  return {{"family", family.name},
          {"nodes", nodes},
          {"build_ms", build_ms},
          {"differentiate_ms", differentiate_ms},
          {"compile_ms", compile_ms},
          {"us_per_node", (build_ms + differentiate_ms + compile_ms) / nodes * 1e3},
          {"kernels", report.at("kernels")},
          {"code_bytes", report.at("code_bytes")},
          {"phases", report.at("phases")}};
}

}  // namespace

int bench_graphs_command(std::span<const std::string> arguments) {
  std::vector<int> sizes{5000, 10000, 20000, 50000};
  std::vector<std::string> names;
  std::string json;
  FunctionOptions options{.name = "graph", .threads = 1, .cache = false};
  CLI::App app("Compile graphs of many nodes with their gradients; the time per node should not grow.",
               "bitale bench graphs");
  app.add_option("--nodes", sizes, "numbers of nodes")->capture_default_str();
  app.add_option("--family", names, "chain, wide, deep; all if none is named");
  app.add_option("--level", options.level, "optimisation level")->check(CLI::Range(0, 3))->capture_default_str();
  app.add_option("--json", json, json_help);
  if (!parse_command_line(app, arguments)) return 0;

  Json rows = Json::array();
  const bool table = json != "-";
  if (table) {
    for (const Family& f : families) fmt::print("{}: {}\n", f.name, f.help);
    fmt::print("\n{:<8}{:>8}{:>12}{:>18}{:>14}{:>14}{:>10}{:>12}\n", "family", "nodes", "build ms", "differentiate ms",
               "compile ms", "us per node", "kernels", "code bytes");
  }
  for (const Family& f : families) {
    if (!names.empty() && std::find(names.begin(), names.end(), f.name) == names.end()) continue;
    for (int n : sizes) {
      rows.push_back(measure(f, n, options));
      const Json& r = rows.back();
      if (table)
        fmt::print("{:<8}{:>8}{:>12.1f}{:>18.1f}{:>14.1f}{:>14.2f}{:>10}{:>12}\n", f.name, n,
                   r["build_ms"].get<double>(), r["differentiate_ms"].get<double>(), r["compile_ms"].get<double>(),
                   r["us_per_node"].get<double>(), r["kernels"].get<int>(), r["code_bytes"].get<std::int64_t>());
    }
  }
  if (rows.empty()) throw UsageError("there is no such family of graphs; there are: chain, wide, deep");
  if (!json.empty())
    write_text(json, Json{{"cpu", cpu_info().model}, {"level", options.level}, {"graphs", rows}}.dump(2) + "\n");
  return 0;
}

}  // namespace bitale::bench
