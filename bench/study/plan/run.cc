#include "bench/study/plan/run.h"

#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/process.h"
#include "bench/harness/statistics.h"
#include "bench/study/plan/limits.h"
#include "bench/study/plan/worker.h"
#include "runtime/base/error.h"
#include "runtime/base/stopwatch.h"
#include "runtime/base/temporary_folder.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;
using Measure = std::function<std::string(const StudyCell&)>;

// Several compilations of the same functions, whose cache was in the same state.
class Compilations {
 public:
  void add(const Json& one) {
    seconds_.push_back(one.at("seconds").get<double>());
    start_ms_.push_back(one.at("start_ms").get<double>());
    functions_ = one.at("functions").get<int>();
    for (const auto& [phase, ms] : one.at("phases_ms").items()) {
      if (!phases_.contains(phase)) order_.push_back(phase);
      phases_[phase].push_back(ms.get<double>());
    }
  }

  Json medians() const {
    Json phases = Json::object();
    for (const std::string& phase : order_) phases[phase] = median(phases_.at(phase));
    return {{"seconds", median(seconds_)},
            {"all_seconds", seconds_},
            {"functions", functions_},
            {"start_ms", median(start_ms_)},
            {"phases_ms", phases}};
  }

 private:
  std::vector<double> seconds_, start_ms_;
  int functions_ = 0;
  std::vector<std::string> order_;
  std::map<std::string, std::vector<double>> phases_;
};

Json parse_output(const StudyCell& cell, const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw Error(fmt::format("{}: its process printed '{}'.", cell.title(), text));
  return json;
}

Json compile_with(const StudyCell& cell, const std::string& cache, const char* expected) {
  Json one = parse_output(cell, spawn_self(worker_command(cell), {{"BITALE_CACHE", cache}}));
  if (!one.at(expected).get<bool>())
    throw Error(fmt::format("{}: the cache was not in the state it should be in ({}).", cell.title(), expected));
  return one;
}

Json measure_compilations(const StudyCell& cell) {
  Compilations first, again;
  for (int i = 0; i < cell.repetitions; ++i) {
    const TemporaryFolder cache;
    first.add(compile_with(cell, cache.path().string(), "none_cached"));
    again.add(compile_with(cell, cache.path().string(), "all_cached"));
  }
  return {{"first", first.medians()}, {"again", again.medians()}};
}

// Whether what was measured before has this cell.
bool take_known(StudyOutcome& outcome, const StudyResults& results,
                const std::function<void(const std::string&)>& say) {
  const std::string* known = results.find(outcome.cell.key());
  if (known == nullptr) return false;
  try {
    outcome.figures = figures_from_json(outcome.cell.kind, outcome.cell.title(), *known);
  } catch (const Error& error) {
    say(fmt::format("measured again: {}", error.what()));
  }
  return outcome.figures.has_value();
}

void measure_into(StudyOutcome& outcome, const Measure& measure) {
  try {
    const std::string text = measure(outcome.cell);
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_object() && json.contains("cannot") && json["cannot"].is_string()) {
      outcome.cannot = json["cannot"].get<std::string>();
    } else if (outcome.cell.played()) {
      const std::string found = json.at("found").get<std::string>();
      if (!json.at("agrees").get<bool>()) throw Error("differs from the CPU: " + found);
      outcome.played = found;
    } else {
      outcome.figures = figures_from_json(outcome.cell.kind, outcome.cell.title(), text);
    }
  } catch (const Json::exception& error) {
    outcome.cannot = fmt::format("failed: no result of a comparison: {}", error.what());
  } catch (const Error& error) {
    outcome.cannot = fmt::format("failed: {}", error.what());
  }
}

}  // namespace

std::string measure_cell(const StudyCell& cell) {
  if (cell.kind == StudyKind::compile) return measure_compilations(cell).dump();
  return parse_output(cell, spawn_self(worker_command(cell), {})).dump();
}

std::vector<StudyOutcome> run_cells(std::span<const StudyCell> cells, const Machine& machine, StudyResults& results,
                                    StudyEstimate& estimate, const Measure& measure,
                                    const std::function<void(const std::string&)>& say, double within_s) {
  std::vector<StudyOutcome> outcomes;
  std::vector<std::size_t> to_measure;
  for (const StudyCell& cell : cells) {
    StudyOutcome& outcome = outcomes.emplace_back(StudyOutcome{.cell = cell, .cannot = why_not(cell, machine)});
    if (!outcome.cannot.empty()) {
      say(fmt::format("left out: {}: {}", cell.title(), outcome.cannot));
    } else if (!take_known(outcome, results, say)) {
      to_measure.push_back(outcomes.size() - 1);
    }
  }
  const Stopwatch study;
  for (std::size_t i = 0; i < to_measure.size(); ++i) {
    double left_s = 0;
    for (std::size_t k = i; k < to_measure.size(); ++k) left_s += estimate.seconds(outcomes[to_measure[k]].cell);
    StudyOutcome& outcome = outcomes[to_measure[i]];
    if (within_s > 0 && study.seconds() >= within_s) {
      outcome.cannot = fmt::format("the {:g} s of the study were over", within_s);
      say(fmt::format("left out: {}: {}", outcome.cell.title(), outcome.cannot));
      continue;
    }
    say(fmt::format("[{}/{}] {}, about {} left: {}", i + 1, to_measure.size(), duration_text(study.seconds()),
                    duration_text(left_s), outcome.cell.title()));
    const Stopwatch of_cell;
    measure_into(outcome, measure);
    if (outcome.figures) {
      results.add(outcome.cell.key(), outcome.figures->json);
      estimate.learn(outcome.cell, of_cell.seconds());
    } else {
      say("  " + (outcome.played.empty() ? outcome.cannot : outcome.played));
    }
  }
  return outcomes;
}

}  // namespace bitale::bench
