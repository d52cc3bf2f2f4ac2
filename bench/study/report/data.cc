#include "bench/study/report/data.h"

#include <algorithm>
#include <set>

namespace bitale::bench {
namespace {

constexpr std::int64_t paper_cores = 6, paper_cpus = 12;
constexpr double gb = 1e9;

template <class T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::vector<StudyCell> cells_of(const StudyPlan& plan, const StudySubject& subject, bool compiles, int threads,
                                const std::string& device, const std::vector<std::string>& steps) {
  if (compiles) return {plan.compilation(subject, device)};
  std::vector<StudyCell> cells;
  for (const StudyStep& step : subject.steps)
    if (contains(steps, step.name)) cells.push_back(plan.run(subject, step, subject.batch, threads, device));
  return cells;
}

// Memory of a GPU is what the plans say: the process's is the host's.
double figure_of(const StudyColumn& column, const StudyFigures& figures, bool on_gpu) {
  switch (column.kind) {
    case StudyColumn::Kind::forward:
      return figures.run->forward_ms.mean;
    case StudyColumn::Kind::gradient:
      return figures.run->gradient_ms.mean;
    case StudyColumn::Kind::memory:
      return static_cast<double>(on_gpu ? figures.run->all_planned_bytes() : figures.run->peak_rss_bytes) / gb;
    case StudyColumn::Kind::first_compile:
      return figures.compile->first.seconds;
    case StudyColumn::Kind::recompile:
      return figures.compile->again.seconds;
  }
  return 0;
}

}  // namespace

const StudyOutcome* StudyData::find(const StudyCell& cell) const {
  for (const StudyOutcome& outcome : outcomes)
    if (outcome.cell == cell) return &outcome;
  return nullptr;
}

std::optional<double> StudyData::value(const StudyColumn& column, const StudySubject& subject, int threads,
                                       const std::string& device) const {
  double sum = 0;
  const bool compiles = !column.is_time() && column.kind != StudyColumn::Kind::memory;
  for (const StudyCell& cell : cells_of(plan, subject, compiles, threads, device, column.steps)) {
    const StudyOutcome* outcome = find(cell);
    if (outcome == nullptr || !outcome->figures) return std::nullopt;
    sum += figure_of(column, *outcome->figures, cell.on_gpu());
  }
  return sum;
}

std::string StudyData::why_not(const StudyTable& table, const StudySubject& subject, int threads,
                               const std::string& device) const {
  std::vector<std::string> all;
  for (const StudyStep& step : subject.steps) all.push_back(step.name);
  for (const StudyCell& cell : cells_of(plan, subject, table.compiles, threads, device, all)) {
    const StudyOutcome* outcome = find(cell);
    if (outcome != nullptr && !outcome->cannot.empty()) return outcome->cannot;
  }
  return "";
}

std::string StudyData::played(const StudyTable& table, const StudySubject& subject, const std::string& device) const {
  std::string text;
  if (table.compiles) return text;
  for (const StudyStep& step : subject.steps) {
    const StudyOutcome* outcome = find(plan.run(subject, step, subject.batch, 1, device));
    if (outcome != nullptr && !outcome->played.empty())
      text += (text.empty() ? "" : "; ") + (step.name.empty() ? "" : step.name + ": ") + outcome->played;
  }
  return text;
}

std::vector<std::string> StudyData::devices_below(const std::string& paper_device) const {
  std::vector<std::string> devices;
  for (const std::string& device : plan.devices)
    if ((device == "cpu") == (paper_device == "cpu")) devices.push_back(device);
  return devices;
}

std::string StudyData::device_beside(const std::string& paper_device) const {
  for (const std::string& device : devices_below(paper_device))
    for (const StudyOutcome& outcome : outcomes)
      if (outcome.cell.device == device && outcome.figures) return device;
  return "";
}

std::string StudyData::gpu_name(const std::string& device) const {
  if (!device.starts_with("cuda")) return "";
  const std::size_t colon = device.find(':');
  const std::size_t index = colon == std::string::npos ? 0 : std::stoul(device.substr(colon + 1));
  return index < machine.gpus.all.size() ? machine.gpus.all[index].name : "";
}

std::vector<int> StudyData::measured_threads() const {
  std::set<int> threads;
  for (const StudyOutcome& outcome : outcomes)
    if (outcome.figures && outcome.cell.device == "cpu") threads.insert(outcome.cell.threads);
  return {threads.begin(), threads.end()};
}

int StudyData::partner(std::optional<std::int64_t> paper_threads) const {
  const std::vector<int> measured = measured_threads();
  if (measured.empty()) return 0;
  if (paper_threads == 1) return contains(measured, 1) ? 1 : 0;
  if (paper_threads == paper_cores && contains(measured, machine.cores)) return machine.cores;
  if (paper_threads == paper_cpus && contains(measured, machine.cpus)) return machine.cpus;
  return measured.back();
}

double StudyData::peak_gflops(int threads) const {
  double peak = 0;
  for (const StudyOutcome& outcome : outcomes)
    if (outcome.figures && outcome.figures->run && outcome.cell.threads == threads && outcome.cell.device == "cpu")
      peak = std::max(peak, outcome.figures->run->peak_gflops);
  return peak;
}

}  // namespace bitale::bench
