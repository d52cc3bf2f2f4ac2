#include "bench/study/plan/estimate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace bitale::bench {
namespace {

constexpr double share_of_peak = 0.4;
constexpr double process_s = 1.2;      // starting, compiling, measuring the peak twice
constexpr double compilation_s = 0.6;  // of both functions: once cold, once from the cache
// Of a GPU nothing is known before the first measurement.
constexpr double gpu_gflops = 3000, gpu_process_s = 6, gpu_compilation_s = 5, played_s = 30;

std::string learnt_key(const StudyCell& cell) {
  return (cell.kind == StudyKind::compile ? "compile " : "") + find_subject(cell.subject).model +
         (cell.device == "cpu" ? "" : " " + cell.device);
}

double within_budget(const StudyCell& cell, double seconds) {
  if (cell.pace.budget_s <= 0 || cell.played()) return seconds;
  return std::min(seconds, (cell.on_gpu() ? gpu_process_s : process_s) + cell.pace.budget_s);
}

}  // namespace

double StudyEstimate::expected(const StudyCell& cell) const {
  const StudySubject& subject = find_subject(cell.subject);
  if (cell.played()) return played_s;
  const bool on_gpu = cell.on_gpu();
  if (cell.kind == StudyKind::compile)
    return cell.repetitions * (on_gpu ? gpu_compilation_s : compilation_s) * static_cast<double>(subject.steps.size());
  const double rate = on_gpu ? gpu_gflops : share_of_peak * peak_gflops_(cell.threads);
  const double call_s = (cell.forward_gflop() + cell.gradient_gflop()) / rate;
  return (on_gpu ? gpu_process_s : process_s) + (cell.pace.warmup + cell.pace.iterations) * call_s * subject.batches;
}

double StudyEstimate::ratio_of(const StudyCell& cell) const {
  if (const auto at = of_model_.find(learnt_key(cell)); at != of_model_.end()) return at->second.ratio();
  if (const auto at = of_kind_.find({cell.kind, cell.device}); at != of_kind_.end()) return at->second.ratio();
  return 1;
}

double StudyEstimate::seconds(const StudyCell& cell) const {
  return within_budget(cell, expected(cell) * ratio_of(cell));
}

double StudyEstimate::seconds(std::span<const StudyCell> cells) const {
  double sum = 0;
  for (const StudyCell& cell : cells) sum += seconds(cell);
  return sum;
}

void StudyEstimate::learn(const StudyCell& cell, double seconds) {
  for (Learnt* learnt : {&of_model_[learnt_key(cell)], &of_kind_[{cell.kind, cell.device}]}) {
    learnt->measured += seconds;
    learnt->expected += within_budget(cell, expected(cell));
  }
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(std::ceil(std::max(0.0, seconds)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace bitale::bench
