#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "bench/study/report/tables.h"

namespace bitale::bench {
namespace {

// A line of a table of the paper: its figures by metric.
struct PaperLine {
  const StudySubject* subject = nullptr;
  PaperRow row;  // the first; its metric and value mean nothing
  std::map<std::string, PaperRow> figures;

  bool has(const PaperRow& other) const {
    return row.system == other.system && row.device == other.device && row.backend == other.backend &&
           row.threads == other.threads && row.variant == other.variant;
  }
};

std::vector<PaperLine> lines_of(const StudyTable& table, const std::vector<PaperRow>& rows) {
  std::vector<PaperLine> lines;
  for (const PaperRow& row : rows) {
    const StudySubject& subject = table.subject_of(row);
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const PaperLine& l) { return l.subject == &subject && l.has(row); });
    if (line == lines.end()) line = lines.insert(lines.end(), PaperLine{&subject, row, {}});
    line->figures.insert_or_assign(row.metric, row);
  }
  return lines;
}

std::string system_of(const PaperRow& row) {
  return row.device == "gpu" && !row.backend.empty() && !row.backend.starts_with(row.system)
             ? fmt::format("{}, {}", row.system, row.backend)
             : row.system;
}

class Comparison {
 public:
  Comparison(const StudyTable& table, const StudyData& data) : table_(table), data_(data) {
    grid_.id = fmt::format("table{}", table.number);
    grid_.title = fmt::format("Table {}. {}", table.number, table.title);
    if (table.subjects.size() > 1) grid_.columns.push_back({"network", false});
    for (const char* title : {"device", "system"}) grid_.columns.push_back({title, false});
    grid_.columns.push_back({"threads"});
    for (const StudyColumn& column : table.columns) grid_.columns.push_back({column.title});
    for (const StudyColumn& column : table.columns)
      if (compared(column)) grid_.columns.push_back({column.title, true, "paper / Bitale"});
  }

  Grid make() {
    const std::vector<PaperLine> lines = lines_of(table_, data_.paper.at(table_.number));
    for (const std::string& key : table_.subjects) {
      const StudySubject& subject = find_subject(key);
      for (const char* device : {"cpu", "gpu"}) {
        for (const PaperLine& line : lines)
          if (line.subject == &subject && line.row.device == device) add(line);
        for (const std::string& ours : data_.devices_below(device)) add_ours(subject, ours);
      }
    }
    if (std::any_of(grid_.rows.begin(), grid_.rows.end(),
                    [](const GridRow& r) { return r.kind == GridRow::Kind::ours; }))
      grid_.note(
          "The last columns divide the paper's figure by Bitale's on this machine: with one thread beside one, with "
          "all "
          "cores beside its 6 threads, with all hardware threads beside its 12. The paper's machine is of 2013.");
    if (const std::string gpu = data_.device_beside("gpu"); !gpu.empty())
      grid_.note(fmt::format("Figures of GPUs: the paper's are of a GeForce GTX Titan X, Bitale's on {} of one {}{}{}.",
                             gpu, data_.gpu_name(gpu).empty() ? "GPU" : data_.gpu_name(gpu),
                             data_.plan.tf32 ? ", products in TF32" : "",
                             has_memory() ? "; its memory is what the plans say" : ""));
    return std::move(grid_);
  }

 private:
  // Single steps of the autoencoder are not compared one by one: there is no room for all of them.
  bool compared(const StudyColumn& column) const {
    return column.kind != StudyColumn::Kind::memory &&
           !(table_.columns.size() > 4 && column.steps.size() == 1 && column.steps[0].starts_with("ae"));
  }

  bool has_memory() const {
    return std::any_of(table_.columns.begin(), table_.columns.end(),
                       [](const StudyColumn& c) { return c.kind == StudyColumn::Kind::memory; });
  }

  std::vector<std::string> lead(const StudySubject& subject, const std::string& device, const std::string& system,
                                const std::string& threads) const {
    std::vector<std::string> cells = {device, system, threads};
    if (table_.subjects.size() > 1) cells.insert(cells.begin(), subject.title);
    return cells;
  }

  int threads_of(const std::string& device, std::optional<std::int64_t> paper_threads) const {
    return device == "cpu" ? data_.partner(paper_threads) : 1;
  }

  void add(const PaperLine& line) {
    GridRow row{GridRow::Kind::paper, lead(*line.subject, line.row.device, system_of(line.row),
                                           line.row.threads ? std::to_string(*line.row.threads) : "")};
    for (const StudyColumn& column : table_.columns) row.cells.push_back(figure(line, column));
    const std::string device = data_.device_beside(line.row.device);
    for (const StudyColumn& column : table_.columns) {
      if (!compared(column)) continue;
      const auto theirs = line.figures.find(column.metric);
      const auto ours = data_.value(column, *line.subject, threads_of(device, line.row.threads), device);
      row.cells.push_back(ours && theirs != line.figures.end() ? short_number(theirs->second.value / *ours) : "");
    }
    grid_.rows.push_back(std::move(row));
  }

  std::string figure(const PaperLine& line, const StudyColumn& column) {
    const auto at = line.figures.find(column.metric);
    if (at == line.figures.end()) return "";
    const PaperRow& row = at->second;
    const bool doubtful = !row.note.empty() && row.flag != "inferred_threads";
    if (!row.note.empty()) grid_.note(fmt::format("{}{}: {}.", doubtful ? "? " : "", row.system, row.note));
    return fmt::format("{}{}", row.value, doubtful ? " ?" : "");
  }

  void add_ours(const StudySubject& subject, const std::string& device) {
    std::vector<int> threads = data_.plan.threads_of(device);
    if (table_.compiles) threads = {data_.plan.compilation(subject, device).threads};
    for (const int count : threads) {
      const char* system = data_.plan.tf32 && device.starts_with("cuda") ? "Bitale, TF32" : "Bitale";
      GridRow row{GridRow::Kind::ours, lead(subject, device, system, device == "cpu" ? std::to_string(count) : "")};
      row.rest = data_.why_not(table_, subject, count, device);
      const std::string played = data_.played(table_, subject, device);
      if (!row.rest.empty()) {
        row.kind = GridRow::Kind::cannot;
        row.rest = "cannot run: " + row.rest;
      } else if (!played.empty()) {
        row.kind = GridRow::Kind::cannot;
        row.rest = "not timed, computes what the CPU does: " + played;
      } else {
        for (const StudyColumn& column : table_.columns) {
          const auto value = data_.value(column, subject, count, device);
          row.cells.push_back(value ? short_number(*value) : "");
        }
      }
      grid_.rows.push_back(std::move(row));
    }
  }

  const StudyTable& table_;
  const StudyData& data_;
  Grid grid_;
};

}  // namespace

Grid comparison(const StudyTable& table, const StudyData& data) { return Comparison(table, data).make(); }

}  // namespace bitale::bench
