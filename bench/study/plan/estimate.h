// How long measurements will take.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "bench/study/plan/cell.h"

namespace bitale::bench {

// At first from the work and the peak of so many threads, of a GPU from a guess; what has been measured makes it
// better: the time of a network from that network's, that of others from all.
class StudyEstimate {
 public:
  // `peak_gflops`: of so many threads.
  explicit StudyEstimate(std::function<double(int threads)> peak_gflops) : peak_gflops_(std::move(peak_gflops)) {}

  double seconds(const StudyCell& cell) const;
  double seconds(std::span<const StudyCell> cells) const;
  void learn(const StudyCell& cell, double seconds);  // that it took

 private:
  struct Learnt {
    double measured = 0, expected = 0;
    double ratio() const { return expected > 0 ? measured / expected : 1; }
  };
  double expected(const StudyCell& cell) const;  // from work and peak alone
  double ratio_of(const StudyCell& cell) const;

  std::function<double(int)> peak_gflops_;
  std::map<std::string, Learnt> of_model_;                       // and of compilations
  std::map<std::pair<StudyKind, std::string>, Learnt> of_kind_;  // and device
};

std::string duration_text(double seconds);  // "1:05", "2:03:20"

}  // namespace bitale::bench
