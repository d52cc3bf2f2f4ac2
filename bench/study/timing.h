// Running times of a model's two functions, by the protocol of the study.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/study/subject.h"

namespace bitale::bench {

struct Timing {
  std::vector<double> forward_ms, gradient_ms;
  double loss = 0;         // of the last forward call
  double peak_gflops = 0;  // fused multiply-adds of as many threads, measured before and after; the better one
  std::string isa;         // that code was generated for
  int threads = 0;
  PlannedMemory forward_memory, gradient_memory;
  std::string forward_profile, gradient_profile;  // per step, if BITALE_PROFILE is set
};

// Both functions run `warmup` times, then `iterations` times with every call timed alone, forward and gradient
// alternating.
Timing measure(const models::BuiltModel& model, const SubjectOptions& options, int warmup, int iterations);

double time_ms(const Function& function, const std::vector<Argument>& arguments);  // of one call
double measured_peak(const SubjectOptions& options, int threads);                  // GFLOP/s
std::string isa_name(const SubjectOptions& options);

}  // namespace bitale::bench
