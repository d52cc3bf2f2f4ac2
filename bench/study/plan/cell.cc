#include "bench/study/plan/cell.h"

#include <algorithm>

#include <fmt/format.h>

#include "models/zoo/models.h"

namespace bitale::bench {
namespace {

constexpr Pace quick_pace = {2, 5, 20};
constexpr Pace quick_epochs = {1, 2, 20};
constexpr int least_warmup_on_gpu = 3;  // the second call with the same extents is recorded, the third one replayed

// Of the protocol. A network that this build does not have will not run at any pace.
Pace protocol_of(const StudySubject& subject) {
  for (const models::ModelRow& row : models::all_models())
    if (subject.model == row.name) return {row.warmup, row.iterations, 0};
  return {};
}

const StudyStep& step_of(const StudyCell& cell) {
  const StudySubject& subject = find_subject(cell.subject);
  for (const StudyStep& step : subject.steps)
    if (step.name == cell.step) return step;
  return subject.steps.back();
}

void add(std::vector<StudyCell>& cells, const StudyCell& cell) {
  if (std::find(cells.begin(), cells.end(), cell) == cells.end()) cells.push_back(cell);
}

double work(const StudyCell& cell) {
  return (cell.forward_gflop() + cell.gradient_gflop()) / std::max(1, cell.threads) *
         (cell.pace.warmup + cell.pace.iterations);
}

}  // namespace

std::string StudyCell::key() const {
  const std::string on = device + (tf32 ? " tf32" : "");
  if (kind == StudyKind::compile) return fmt::format("compile {} {} threads {} x{}", subject, on, threads, repetitions);
  return fmt::format("run {}{} {} batch {} threads {} calls {}+{}{}", subject, step.empty() ? "" : "." + step, on,
                     batch, threads, pace.warmup, pace.iterations,
                     pace.budget_s > 0 ? fmt::format(" in {} s", pace.budget_s) : "");
}

std::string StudyCell::title() const {
  const std::string& network = find_subject(subject).title;
  const std::string where = device == "cpu" ? fmt::format("{} thread{}", threads, threads == 1 ? "" : "s")
                                            : device + (tf32 ? " in TF32" : "");
  if (kind == StudyKind::compile) return fmt::format("{}, compiling, {}", network, where);
  if (played()) return fmt::format("{}{}, a few examples, {}", network, step.empty() ? "" : ", " + step, where);
  return fmt::format("{}{}, batch {}, {}", network, step.empty() ? "" : ", " + step, batch, where);
}

double StudyCell::forward_gflop() const {
  return kind == StudyKind::run ? static_cast<double>(batch) * step_of(*this).forward_mflop * 1e-3 : 0;
}

double StudyCell::gradient_gflop() const {
  return kind == StudyKind::run ? static_cast<double>(batch) * step_of(*this).gradient_mflop * 1e-3 : 0;
}

StudyCell StudyPlan::run(const StudySubject& subject, const StudyStep& step, std::int64_t batch, int count,
                         const std::string& device) const {
  StudyCell cell{.subject = subject.key, .step = step.name, .batch = batch, .threads = count, .device = device};
  cell.tf32 = tf32 && cell.on_gpu();
  cell.pace = protocol_of(subject);
  if (quick) {
    const Pace few = subject.model == "lstm" ? quick_epochs : quick_pace;
    cell.pace = {std::min(cell.pace.warmup, few.warmup), std::min(cell.pace.iterations, few.iterations), few.budget_s};
  }
  if (cell.on_gpu()) cell.pace.warmup = std::max(cell.pace.warmup, least_warmup_on_gpu);
  if (budget_s > 0) cell.pace.budget_s = budget_s;
  return cell;
}

StudyCell StudyPlan::compilation(const StudySubject& subject, const std::string& device) const {
  StudyCell cell{.kind = StudyKind::compile,
                 .subject = subject.key,
                 .threads = *std::max_element(threads.begin(), threads.end()),
                 .device = device,
                 .repetitions = repetitions};
  cell.tf32 = tf32 && cell.on_gpu();
  return cell;
}

std::vector<int> StudyPlan::threads_of(const std::string& device) const {
  return device == "cpu" ? threads : std::vector<int>{1};
}

const std::vector<std::int64_t>& StudyPlan::batches_of(const StudyFigure& figure) const {
  return batches.empty() ? figure.batches : batches;
}

std::vector<StudyCell> StudyPlan::cells() const {
  std::vector<StudyCell> cells;
  const auto add_runs = [&](const std::string& key, std::int64_t batch) {
    const StudySubject& subject = find_subject(key);
    for (const StudyStep& step : subject.steps)
      for (const std::string& device : devices)
        for (const int count : threads_of(device))
          add(cells, run(subject, step, batch > 0 ? batch : subject.batch, count, device));
  };
  for (const int number : tables) {
    const StudyTable& table = find_table(number);
    for (const std::string& key : table.subjects) {
      if (!table.compiles) add_runs(key, 0);
      for (const std::string& device : devices)
        if (table.compiles) add(cells, compilation(find_subject(key), device));
    }
  }
  for (const int number : figures)
    for (const std::int64_t batch : batches_of(find_figure(number))) add_runs(find_figure(number).subject, batch);
  std::stable_sort(cells.begin(), cells.end(), [](const auto& a, const auto& b) { return work(a) < work(b); });
  return cells;
}

}  // namespace bitale::bench
