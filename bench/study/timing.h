// Running times of a model's two functions, by the protocol of the study.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/study/subject.h"

namespace bitale::bench {

struct Timing {
  std::vector<double> forward_ms, gradient_ms;  // of a call, on average over the batches: one for each iteration
  bool recompiled = false;                      // a compile report changed after the functions were there
  double loss = 0;                              // of the last forward call
  double peak_gflops = 0;  // fused multiply-adds of as many threads, measured before and after; the better one
  std::string isa;         // that code was generated for
  int threads = 0;
  PlannedMemory forward_memory, gradient_memory;  // of the batch that takes most
  std::string forward_profile, gradient_profile;  // per step, if BITALE_PROFILE is set
};

// Both functions run over all batches `warmup` times, then `iterations` times with every call timed alone, forward and
// gradient alternating. What batches hold is there before.
Timing measure(const models::BuiltModel& model, const SubjectOptions& options, std::span<const SampleBatch> batches,
               int warmup, int iterations);

double time_ms(const Function& function, const std::vector<Argument>& arguments);  // of one call
double measured_peak(const SubjectOptions& options, int threads);                  // GFLOP/s
std::string isa_name(const SubjectOptions& options);

}  // namespace bitale::bench
