// The study's measurements, one by one: each is a process of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/study/pace.h"
#include "bench/study/plan/figures.h"
#include "bench/study/plan/tables.h"

namespace bitale::bench {

// What a study says of a device that is played.
inline constexpr const char* about_played =
    "The emulated device is a GPU's kernels played by the CPU, slowly: what the networks compute is compared with the "
    "CPU for a few examples, and nothing is timed, since no time there says anything about a GPU.";

struct StudyCell {
  StudyKind kind = StudyKind::run;
  std::string subject{};  // of study_subjects()
  std::string step{};     // of a run
  std::int64_t batch = 0;
  int threads = 0;
  std::string device = "cpu";  // as FunctionOptions has it
  bool tf32 = false;
  Pace pace{};          // of a run
  int repetitions = 0;  // of a compilation

  // All that changes its result but the program and the machine.
  std::string key() const;
  std::string title() const;  // "LeNet, batch 64, 2 threads"
  double forward_gflop() const;
  double gradient_gflop() const;
  // A GPU's kernels played by the CPU: what they compute is compared with the CPU's, on a few examples, and not timed.
  bool played() const { return device == "emulated"; }
  bool on_gpu() const { return device != "cpu" && !played(); }
  friend bool operator==(const StudyCell& a, const StudyCell& b) { return a.key() == b.key(); }
};

struct StudyPlan {
  std::vector<int> tables{}, figures{}, threads{};
  std::vector<std::string> devices{};
  bool tf32 = false;                    // of GPUs
  std::vector<std::int64_t> batches{};  // of the figures; empty: each figure's own
  bool quick = false;                   // few calls
  double budget_s = 0;                  // of a measurement
  int repetitions = 3;                  // of compilations

  // What these tables and figures need, each once, what takes little first. UsageError for numbers that do not exist.
  std::vector<StudyCell> cells() const;

  // The measurements of a table's or figure's row; compilations have the largest number of threads.
  StudyCell run(const StudySubject& subject, const StudyStep& step, std::int64_t batch, int threads,
                const std::string& device) const;
  StudyCell compilation(const StudySubject& subject, const std::string& device) const;
  const std::vector<std::int64_t>& batches_of(const StudyFigure& figure) const;
  std::vector<int> threads_of(const std::string& device) const;  // only the CPU is measured with several
};

}  // namespace bitale::bench
