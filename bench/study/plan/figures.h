// What a measurement found, read from the JSON that its process printed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/harness/statistics.h"

namespace bitale::bench {

enum class StudyKind : std::uint8_t { run, compile };

struct RunFigures {
  std::string isa{};
  int warmup = 0, iterations = 0;
  Statistics forward_ms{}, gradient_ms{};
  double forward_gflop = 0, gradient_gflop = 0;
  double peak_gflops = 0;          // 0: it is a device's, and was not measured
  std::int64_t planned_bytes = 0;  // of both functions
  std::int64_t parameter_bytes = 0, batch_bytes = 0, rss_before_bytes = 0, peak_rss_bytes = 0;

  const Statistics& ms(bool gradient) const { return gradient ? gradient_ms : forward_ms; }
  double gflop(bool gradient) const { return gradient ? gradient_gflop : forward_gflop; }
  double gflops(bool gradient) const { return gflop(gradient) / (ms(gradient).mean * 1e-3); }
  std::int64_t all_planned_bytes() const { return planned_bytes + parameter_bytes + batch_bytes; }
};

struct CompileFigures {
  struct Side {
    double seconds = 0, start_ms = 0;
    int functions = 0;
    std::vector<std::pair<std::string, double>> phases_ms;
  };
  Side first{}, again{};  // with an empty cache, and with what the first left in it
};

struct StudyFigures {
  std::string json{};
  std::optional<RunFigures> run{};          // of this kind, or
  std::optional<CompileFigures> compile{};  // of this
};

// `json` is an object's text. Error that names the measurement (`title`) if something is missing, or is not what it
// should be.
StudyFigures figures_from_json(StudyKind kind, const std::string& title, const std::string& json);

}  // namespace bitale::bench
