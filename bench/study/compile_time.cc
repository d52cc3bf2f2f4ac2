#include "bench/study/compile_time.h"

#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/process.h"
#include "bench/harness/statistics.h"
#include "bench/study/arguments.h"
#include "bench/study/commands.h"
#include "frontends/cpp/command.h"
#include "runtime/base/stopwatch.h"
#include "runtime/base/temporary_folder.h"

namespace bitale::bench {
namespace {

struct Sample {
  double compile_ms = 0, start_ms = 0;
  bool from_cache = false;
};

Sample compile_in_new_process(const SubjectOptions& options, const char* part, const std::string& cache) {
  std::vector<std::string> arguments = to_arguments(options);
  arguments.insert(arguments.begin(), "bench-compile");
  arguments.insert(arguments.end(), {"--function", part});
  const auto json = nlohmann::json::parse(spawn_self(arguments, {{"BITALE_CACHE", cache}}));
  return {json.at("compile_ms"), json.at("start_ms"), json.at("from_cache")};
}

void require(bool from_cache, bool expected, const char* part) {
  if (from_cache == expected) return;
  throw Error(fmt::format("the {} function was {} the cache, although its cache was {}: compile times would be wrong.",
                          part, from_cache ? "found in" : "not found in", expected ? "filled" : "empty"));
}

// Adds one first and one second compilation.
void add_pair(const SubjectOptions& options, const char* part, std::vector<double>& first, std::vector<double>& again,
              std::vector<double>& starts) {
  const TemporaryFolder cache;
  const Sample cold = compile_in_new_process(options, part, cache.path().string());
  require(cold.from_cache, false, part);
  const Sample warm = compile_in_new_process(options, part, cache.path().string());
  require(warm.from_cache, true, part);
  first.push_back(cold.compile_ms);
  again.push_back(warm.compile_ms);
  starts.insert(starts.end(), {cold.start_ms, warm.start_ms});
}

}  // namespace

CompileTimes measure_compile_times(const SubjectOptions& options, int repetitions) {
  std::vector<double> first_forward, first_gradient, again_forward, again_gradient, starts;
  for (int i = 0; i < repetitions; ++i) {
    add_pair(options, "forward", first_forward, again_forward, starts);
    add_pair(options, "gradient", first_gradient, again_gradient, starts);
  }
  return {median(first_forward), median(first_gradient), median(again_forward), median(again_gradient), median(starts)};
}

// Compiles one function and prints how long that took, as JSON.
int bench_compile_command(std::span<const std::string> arguments) {
  SubjectOptions options;
  std::string part;
  CLI::App app("Compiles one function and prints how long that took.", "bitale bench-compile");
  add_subject_options(app, options);
  app.add_option("--function", part)->required()->check(CLI::IsMember(std::vector<std::string>{"forward", "gradient"}));
  if (!parse_command_line(app, arguments)) return 0;
  finish_subject_options(options);

  const models::BuiltModel model = build(options, true);
  const Stopwatch compilation;
  const Function f = part == "forward" ? compile_forward(model, options) : compile_gradient(model, options);
  const double compile_ms = compilation.ms();
  const nlohmann::json json = {{"compile_ms", compile_ms}, {"start_ms", start_ms()}, {"from_cache", f.from_cache()}};
  fmt::print("{}\n", json.dump());
  return 0;
}

}  // namespace bitale::bench
