// Comparing every step of a call with what it should have done (flag BITALE_CHECK). The executor keeps what a step's
// buffers held before it, and asks after it; who knows the answer (the compiler, which has the kernels and the graph)
// is behind this interface.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/program/program.h"

namespace bitale::executor {

// One execution of a step. Per buffer of the program, its bytes before and after the step; empty for those that the
// step does not touch, and for workspaces. Aliases share their bytes.
struct StepRecord {
  const program::Program& program;  // that the step belongs to: the outermost one, or the body of a loop or branch
  const program::Step& step;
  std::span<const std::int64_t> extents;
  std::vector<std::span<const std::uint8_t>> before, after;
};

class StepChecker {
 public:
  virtual ~StepChecker() = default;

  // Empty if the step did what it should; else a sentence with the buffer, the element and both values. Called for
  // kernels, contractions, library calls and copies, by one thread at a time per call.
  virtual std::string difference(const StepRecord& record) const = 0;
};

}  // namespace bitale::executor
