// The driver of contractions: see runtime/program/contraction.h for what it computes and how it cuts the work.
#pragma once

#include <vector>

#include "runtime/device/pool.h"
#include "runtime/executor/frame.h"
#include "runtime/program/abi.h"
#include "runtime/program/contraction.h"

namespace bitale::executor {

struct ContractionCall {
  const program::ContractionStep& step;
  const program::Program& program;
  const program::ContractionBlocking& blocking;  // of the largest extents that the step is called with
  std::span<const std::int64_t> extents;
  const Layout& layout;
  const Tables& tables;
  std::int64_t workspace_bytes;  // distance of the threads' workspaces
  const Functions& functions;
  Context& context;
  Barrier& barrier;
  // The whole packs of the operands where the call has them (runtime/executor/pack.h), else null.
  KeptOperand kept_a{}, kept_b{};
  int rows = -1;  // slot of the outermost extent of m, which is dealt to the threads (LoopStep::rows); -1: blocks are
};

// Of a step of what the thread walks.
ContractionCall contraction_call(ThreadState& state, const Scope& scope, const program::ContractionStep& step,
                                 const StepFacts& facts);

// Called by all `threads` threads; the tables are the calling thread's. 0, or the ErrorCode of an epilogue.
int run_contraction(const ContractionCall& call, int thread, int threads);

}  // namespace bitale::executor
