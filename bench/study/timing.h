// Running times of a model's two functions, by the protocol of the study.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/study/pace.h"
#include "bench/study/subject.h"
#include "runtime/base/error.h"

namespace bitale::bench {

// The functions need more memory than this process may still take.
class TooLittleMemory : public Error {
 public:
  using Error::Error;
};

struct Timing {
  std::vector<double> forward_ms, gradient_ms;  // of a call, on average over the batches: one for each iteration
  bool recompiled = false;                      // a compile report changed after the functions were there
  int warmup = 0;                               // iterations before those
  double loss = 0;                              // of the last forward call
  double peak_gflops = 0;  // fused multiply-adds of as many threads, measured before and after; 0: of a device
  std::string isa;         // that code was generated for
  int threads = 0;
  PlannedMemory forward_memory, gradient_memory;  // of the batch that takes most
  std::string forward_profile, gradient_profile;  // per step, if BITALE_PROFILE is set
};

// Both functions run over all batches in every iteration, with every call timed alone, forward and gradient
// alternating. What batches hold is there before. TooLittleMemory, before the first call, if that is foreseen, which it
// is of the CPU alone. A device is always warmed up by three iterations, if the pace has as many.
Timing measure(const models::BuiltModel& model, const SubjectOptions& options, std::span<const SampleBatch> batches,
               const Pace& pace);

double time_ms(const Function& function, const std::vector<Argument>& arguments);  // of one call
double measured_peak(const SubjectOptions& options, int threads);                  // GFLOP/s of its dtype
std::string isa_name(const SubjectOptions& options);

}  // namespace bitale::bench
