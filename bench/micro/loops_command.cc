#include "bench/micro/loops_command.h"

#include <algorithm>
#include <functional>
#include <vector>

#include <CLI/CLI.hpp>
#include <bitale/bitale.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/options.h"
#include "bench/harness/statistics.h"
#include "frontends/cpp/command.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/cpu.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

// A body, of which each step reads a row of 16 numbers, and the state that it starts from.
struct Loop {
  const char* name;
  const char* help;
  std::vector<std::int64_t> state;
  std::function<Tensor(const Tensor& row, const Tensor& state, const Tensor& weights)> body;
};

const Loop loops[] = {
    {"kernel", "h / 2 + x of 16 numbers: one kernel", {16}, [](auto x, auto h, auto) { return h * 0.5 + x; }},
    {"sums",
     "the same less its mean: one kernel that sums before it stores",
     {16},
     [](auto x, auto h, auto) {
       const Tensor y = h * 0.5 + x;
       return y - broadcast_to(mean(y, {0}), {16});
     }},
    {"product",
     "tanh(dot(h, w) + x) of 8 x 16 numbers: one contraction with its epilogue",
     {8, 16},
     [](auto x, auto h, auto w) { return tanh(dot(h, w) + x); }},
};

Json measure(const Loop& loop, std::int64_t steps, int calls) {
  const Dim t("t");
  const Tensor x = input("x", float32, {t, 16}), w = input("w", float32, {16, 16});
  const Tensor start = input("start", float32, Shape(loop.state.begin(), loop.state.end()));
  const ScanResult r = scan({.sequences = {x}, .carries = {start}, .name = loop.name}, [&](const ScanStep& s) {
    return StepResult{.carries = {loop.body(s.row(0), s.carry(0), w)}};
  });
  const Function f = function({x, start, w}, {r.last[0]}, {.name = loop.name, .threads = 1, .unused_inputs = true});
  const std::vector<Argument> arguments{Array::zeros(float32, {steps, 16}), Array::zeros(float32, loop.state),
                                        Array::zeros(float32, {16, 16})};
  std::vector<double> ns;
  for (int i = 0; i < calls; ++i) {
    const Stopwatch call;
    (void)f.call(arguments);
    ns.push_back(call.seconds() * 1e9 / static_cast<double>(steps));
  }
  return {{"loop", loop.name},
          {"steps", steps},
          {"ns_per_step", median(ns)},
          {"least_ns_per_step", *std::min_element(ns.begin(), ns.end())}};
}

}  // namespace

int bench_loops_command(std::span<const std::string> arguments) {
  std::int64_t steps = 20000;
  int calls = 30;
  std::string json;
  CLI::App app("What a step of a loop costs on one thread, where its body has next to nothing to do.",
               "bitale bench loops");
  app.add_option("--steps", steps, "of a call")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--calls", calls, "that are timed")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--json", json, json_help);
  if (!parse_command_line(app, arguments)) return 0;

  Json rows = Json::array();
  const bool table = json != "-";
  if (table) fmt::print("{:<10}{:>14}{:>14}\n", "body", "ns per step", "least");
  for (const Loop& loop : loops) {
    rows.push_back(measure(loop, steps, calls));
    const Json& r = rows.back();
    if (table)
      fmt::print("{:<10}{:>14.1f}{:>14.1f}  {}\n", loop.name, r["ns_per_step"].get<double>(),
                 r["least_ns_per_step"].get<double>(), loop.help);
  }
  if (!json.empty()) write_text(json, Json{{"cpu", cpu_info().model}, {"loops", rows}}.dump(2) + "\n");
  return 0;
}

}  // namespace bitale::bench
