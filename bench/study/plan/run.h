// Makes the study's measurements, or takes them from what has been measured before.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/harness/machine.h"
#include "bench/study/plan/cell.h"
#include "bench/study/plan/estimate.h"
#include "bench/study/plan/figures.h"
#include "bench/study/plan/results.h"

namespace bitale::bench {

struct StudyOutcome {
  StudyCell cell{};
  std::optional<StudyFigures> figures{};
  std::string cannot{};  // why there are none
  std::string played{};  // or what was found on a device that is played, and not timed
};

// In a process of its own (a compilation: in two for each repetition): an object's text, which may be {"cannot": why}.
// Error if the process fails.
std::string measure_cell(const StudyCell& cell);

// All cells in order. What `results` has is not measured again; what is measured is added to it at once. A measurement
// that cannot be made, or fails, has an outcome that says why, and the others go on. `say` gets a line for each step:
// what is measured, how long all has taken, how long it may still take. After `within_s` seconds (0: whenever) none
// begins; those that are left say so.
std::vector<StudyOutcome> run_cells(std::span<const StudyCell> cells, const Machine& machine, StudyResults& results,
                                    StudyEstimate& estimate,
                                    const std::function<std::string(const StudyCell&)>& measure,
                                    const std::function<void(const std::string&)>& say, double within_s = 0);

}  // namespace bitale::bench
