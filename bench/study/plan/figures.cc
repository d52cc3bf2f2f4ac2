#include "bench/study/plan/figures.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

double positive(const Json& json, const char* name) {
  const double value = json.at(name).get<double>();
  if (!std::isfinite(value) || value <= 0) throw Error(fmt::format("{} is {}", name, value));
  return value;
}

double not_negative(const Json& json, const char* name) {
  const double value = json.at(name).get<double>();
  if (!std::isfinite(value) || value < 0) throw Error(fmt::format("{} is {}", name, value));
  return value;
}

std::int64_t bytes(const Json& json, const char* name) {
  return static_cast<std::int64_t>(std::min(not_negative(json, name), 1e18));
}

Statistics statistics_of(const Json& json) {
  return {positive(json, "mean"), not_negative(json, "std"), positive(json, "min"), positive(json, "median")};
}

RunFigures run_of(const Json& json) {
  RunFigures f;
  f.isa = json.at("isa").get<std::string>();
  f.warmup = json.at("warmup").get<int>();
  f.iterations = json.at("iterations").get<int>();
  f.forward_ms = statistics_of(json.at("forward_ms"));
  f.gradient_ms = statistics_of(json.at("gradient_ms"));
  f.forward_gflop = positive(json.at("gflop"), "forward");
  f.gradient_gflop = positive(json.at("gflop"), "gradient");
  f.peak_gflops = not_negative(json, "peak_gflops");
  f.planned_bytes = bytes(json.at("planned_bytes"), "forward") + bytes(json.at("planned_bytes"), "gradient");
  f.parameter_bytes = bytes(json, "parameter_bytes");
  f.batch_bytes = bytes(json, "batch_bytes");
  f.rss_before_bytes = bytes(json, "rss_before_bytes");
  f.peak_rss_bytes = bytes(json, "peak_rss_bytes");
  return f;
}

CompileFigures::Side side_of(const Json& json) {
  CompileFigures::Side side;
  side.seconds = positive(json, "seconds");
  side.start_ms = not_negative(json, "start_ms");
  side.functions = json.at("functions").get<int>();
  for (const auto& [phase, ms] : json.at("phases_ms").items()) side.phases_ms.emplace_back(phase, ms.get<double>());
  return side;
}

}  // namespace

StudyFigures figures_from_json(StudyKind kind, const std::string& title, const std::string& text) {
  StudyFigures figures{.json = text};
  try {
    const Json json = Json::parse(text);
    if (kind == StudyKind::run) {
      figures.run = run_of(json);
    } else {
      figures.compile = CompileFigures{side_of(json.at("first")), side_of(json.at("again"))};
    }
  } catch (const Json::exception& error) {
    throw Error(fmt::format("{}: no result of a measurement: {}.", title, error.what()));
  } catch (const Error& error) {
    throw Error(fmt::format("{}: no result of a measurement: {}.", title, error.what()));
  }
  return figures;
}

}  // namespace bitale::bench
