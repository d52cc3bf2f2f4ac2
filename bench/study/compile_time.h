// How long compiling takes when nothing is in memory yet: every figure is of a process of its own.
#pragma once

#include "bench/study/subject.h"

namespace bitale::bench {

struct CompileTimes {
  double first_forward_ms = 0, first_gradient_ms = 0;  // with an empty cache
  double again_forward_ms = 0, again_gradient_ms = 0;  // with a filled one
  double process_start_ms = 0;
};

// Medians of `repetitions`. The caches are temporary folders, one per function and repetition, and no other is read.
CompileTimes measure_compile_times(const SubjectOptions& options, int repetitions = 3);

}  // namespace bitale::bench
