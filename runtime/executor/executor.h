// Runs a Program on the CPU, or on a device (device.h).
//
// A Runnable is a Program with its code loaded; it is immutable and may be run by several threads at once (each call
// takes a frame: arena and argument tables; frames are kept for reuse). One call is one region: every thread walks the
// steps, with a barrier after each step (elided after steps that ran on thread 0 alone and are followed by another
// such). Small steps run on thread 0 alone, and a Program of nothing but small steps does not wake the pool: whether a
// step is small depends on the extents, and results do not depend on it except in the last bits of sums that are split
// by threads.
//
// Packs of operands that do not change between calls are kept with the placements that are remembered, one of each
// (runtime/executor/packs.h). A call that finds one missing or made of another value makes it before its first step.
//
// After a failed data check all threads leave at the next barrier; the Error is that of the first failing step.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/executor/packing.h"
#include "runtime/executor/step_check.h"
#include "runtime/executor/tuning.h"
#include "runtime/memory/array.h"
#include "runtime/program/program.h"

namespace bitale {
class Driver;
}

namespace bitale::executor {

struct StepProfile {
  std::string label;
  std::int64_t calls = 0;
  double seconds = 0;
  double flops = 0;  // in all calls
  double bytes = 0;  // in all calls: what its buffers hold, workspaces left out
  std::vector<SourceLine> origins{};
};

struct CallOptions {
  int threads = 1;
  // By Shared number (missing: false): nobody else reads its value or has its memory while the call lasts. An update
  // that may be in place is then written into it, and is the same Array in the result.
  std::vector<bool> owned{};
  // By Shared number (missing: unknown): the version of its value. The same version in the same memory is the same
  // value: packs made of it in an earlier call are used again.
  std::vector<std::int64_t> versions{};
  // By Shared number (missing or empty: none): an Array that nobody reads, of the Shared's dtype. An update that is not
  // in place is written into its memory if it has the right size, else into new memory.
  std::vector<Array> spare{};
  // By input number (missing: false): the caller gives its memory up, and nobody else has it. An output that may be
  // over it takes it.
  std::vector<bool> donated{};
  // Empty, or by output number: where the caller wants it. A call that fails may have written there.
  std::vector<Array> into{};
  bool profile = false;    // time every step; also by the flag
  bool nan_guard = false;  // fail at the first step that writes something that is not finite; also by the flag
};

struct CallResult {
  std::vector<Array> outputs;
  std::vector<Array> updates;  // new values of the Shareds that have one, by Shared number (others empty)
};

class Runnable {
 public:
  // Picks the blob for `target`; a Program without one is an Error that lists what it has.
  Runnable(std::shared_ptr<const program::Program> program, const std::string& target);
  // On a device, from the blob for its target; CallOptions::threads is of no account then.
  Runnable(std::shared_ptr<const program::Program> program, std::shared_ptr<Driver> driver);
  // Functions of this process instead of a blob, one per entry (tests, emulation), and how operands are packed.
  Runnable(std::shared_ptr<const program::Program> program, std::vector<const void*> entries,
           Packing packing = packing_for(default_isa()));
  ~Runnable();
  Runnable(Runnable&&) noexcept;
  Runnable& operator=(Runnable&&) noexcept;

  const program::Program& program() const;

  // From now on every step of every call is compared; the first that differs makes the call fail with its label, what
  // differs and its source lines. Before the first call.
  void check_steps(std::shared_ptr<const StepChecker> checker);

  // Shapes, dtypes and data checks that fail are Errors; nothing has changed then but what was given up and
  // destinations. Other inputs are not modified, nor are Shareds that are not owned.
  CallResult call(std::span<const Array> inputs, std::span<const Array> shareds, const CallOptions& options) const;

  // On a device calls may return before they are over: until they are.
  void wait() const;

  // Where choices that are measured (ContractionCandidate::tuned) are kept; else they are kept as long as this is.
  // Before the first call.
  void tune_with(std::shared_ptr<TuningRecords> records);
  std::vector<TuningChoice> choices() const;  // so far

  // The planned peak for these shapes: what call() will allocate for temporaries, workspaces, outputs and updates
  // (those in place left out, and outputs in memory that the caller gives), and for packs that it keeps.
  struct Planned {
    std::int64_t arena_bytes = 0, output_bytes = 0, constant_bytes = 0, pack_bytes = 0;
  };
  Planned planned(std::span<const Array> inputs, std::span<const Array> shareds, const CallOptions& options) const;

  std::vector<StepProfile> profile() const;  // of the calls that were profiled
  void reset_profile() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitale::executor
