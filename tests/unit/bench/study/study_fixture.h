// Results of measurements that nobody made, for tests of what becomes of them.
#pragma once

#include <nlohmann/json.hpp>

#include "bench/study/plan/run.h"
#include "bench/study/report/data.h"

namespace bitale::tests {

using Json = nlohmann::ordered_json;

inline Json statistics_json(double ms) { return {{"mean", ms}, {"std", ms / 10}, {"min", ms / 2}, {"median", ms}}; }

// As study-run prints them.
inline Json run_json(double forward_ms, double gradient_ms) {
  return {{"isa", "v3"},
          {"warmup", 2},
          {"iterations", 5},
          {"forward_ms", statistics_json(forward_ms)},
          {"gradient_ms", statistics_json(gradient_ms)},
          {"gflop", {{"forward", 0.25}, {"gradient", 0.75}}},
          {"peak_gflops", 100.0},
          {"planned_bytes", {{"forward", 1 << 20}, {"gradient", 2 << 20}}},
          {"parameter_bytes", 3 << 20},
          {"batch_bytes", 4 << 20},
          {"rss_before_bytes", 5 << 20},
          {"peak_rss_bytes", 60 << 20}};
}

// As two processes of study-compile print them, put together.
inline Json compile_json(double first_s, double again_s) {
  const auto side = [](double seconds, const char* phase) -> Json {
    return {{"seconds", seconds}, {"functions", 2}, {"start_ms", 3.0}, {"phases_ms", {{phase, seconds * 1e3}}}};
  };
  return {{"first", side(first_s, "generate code")}, {"again", side(again_s, "load")}};
}

inline std::string result_of(const bench::StudyCell& cell) {
  if (cell.kind == bench::StudyKind::compile) return compile_json(0.2, 0.004).dump();
  return run_json(2.0 / cell.threads, 5.0 / cell.threads).dump();
}

// A machine with one GPU less than the paper's; its study of these tables and figures, LeNet and LSTM measured.
inline bench::StudyData study_of(std::vector<int> tables, std::vector<int> figures) {
  bench::StudyData data{.plan = {.tables = std::move(tables),
                                 .figures = std::move(figures),
                                 .threads = {1, 2},
                                 .devices = {"cpu", "cuda"},
                                 .quick = true},
                        .machine = {.cpu = "A <CPU> & more", .cpus = 2, .cores = 2},
                        .date = "2026-01-02 03:04",
                        .isa = "v3",
                        .command = "bitale study --quick",
                        .bitale = "0.1.0",
                        .code_generator = "LLVM",
                        .compiler = "g++"};
  for (const int table : data.plan.tables) data.paper[table] = bench::paper_table(table);
  for (const bench::StudyCell& cell : data.plan.cells()) {
    bench::StudyOutcome outcome{.cell = cell};
    if (cell.device == "cuda") {
      outcome.cannot = "no GPU <here>";
    } else {
      outcome.figures = bench::figures_from_json(cell.kind, cell.title(), result_of(cell));
    }
    data.outcomes.push_back(std::move(outcome));
  }
  return data;
}

}  // namespace bitale::tests
