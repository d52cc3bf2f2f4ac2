// All that a report is made of.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/machine.h"
#include "bench/study/plan/cell.h"
#include "bench/study/plan/paper.h"
#include "bench/study/plan/run.h"

namespace bitale::bench {

struct StudyData {
  StudyPlan plan{};
  Machine machine{};
  std::vector<StudyOutcome> outcomes{};                // of plan.cells()
  std::map<int, std::vector<PaperRow>> paper{};        // of plan.tables
  std::string date{}, isa{}, command{};                // command: that makes it again
  std::string bitale{}, code_generator{}, compiler{};  // versions

  const StudyOutcome* find(const StudyCell& cell) const;  // null: not part of the plan

  // What a column says of our run, in its unit; absent if one of its measurements is missing.
  std::optional<double> value(const StudyColumn& column, const StudySubject& subject, int threads,
                              const std::string& device) const;
  std::string why_not(const StudyTable& table, const StudySubject& subject, int threads,
                      const std::string& device) const;  // empty: nothing is missing, or it was played
  // What was found where the row was played, step by step; empty: it was not.
  std::string played(const StudyTable& table, const StudySubject& subject, const std::string& device) const;

  // Which of our numbers of threads stands beside one of the paper: one beside one, all cores beside its 6, all
  // hardware threads beside its 12; where that was not measured, the largest that was. 0: none.
  int partner(std::optional<std::int64_t> paper_threads) const;

  // Our devices that stand below the paper's "cpu" or "gpu", in the order of the plan.
  std::vector<std::string> devices_below(const std::string& paper_device) const;
  // The one of them that its rows are divided by: the first that was measured; empty: none.
  std::string device_beside(const std::string& paper_device) const;
  std::string gpu_name(const std::string& device) const;  // "NVIDIA H100"; of the CPU and what it plays empty

  // Measured FMA peak of so many threads: the best of all measurements. 0: none.
  double peak_gflops(int threads) const;
  std::vector<int> measured_threads() const;  // on the CPU, ascending
};

}  // namespace bitale::bench
