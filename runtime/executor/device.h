// Running a Program on a device: one thread of the host walks it and hands every step to the driver. What the walk
// itself has to know (a condition, whether a loop ends) it copies to the host, and waits for it. Library calls run on
// the host, between copies of their operands. Where there is none of this, a call with the extents and the memory of an
// earlier one is recorded, and done as a whole from then on (recording.h). A loop that is one kernel is one launch,
// which is given where everything lies that its steps touch.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "runtime/device/driver.h"
#include "runtime/executor/staging.h"
#include "runtime/executor/streams.h"
#include "runtime/executor/walk.h"

namespace bitale::executor {

// A program's code on a device: its module is loaded, the functions of every entry's launches are found.
struct DeviceCode {
  DeviceCode(std::shared_ptr<Driver> driver, const program::Program& program, const program::Blob& blob);

  const std::shared_ptr<Driver> driver;
  const std::shared_ptr<Staging> staging;                      // the driver's
  const bool checks;                                           // checks_on_device()
  const std::vector<std::vector<program::Launch>>& launches;   // of the blob
  std::vector<std::shared_ptr<const Driver::Module>> modules;  // by image
  std::vector<std::vector<void*>> functions;                   // by entry
};

// Whether steps of the program are data checks of the device's: a failed one is known when the call is over, and until
// then nothing may be written over anything. Other checks are the host's.
bool checks_on_device(const program::Program& program);

class DeviceWalker final : public Walker {
 public:
  explicit DeviceWalker(ThreadState& state) : Walker(state), code_(*state.frame->device) {}

  // As run_all(), while the driver records as many streams as the plan has, which is of the outermost program's steps.
  // If it returns false or throws, streams have not met.
  bool run_planned(const StreamPlan& plan);

 protected:
  void kernel(const Scope& scope, const StepLayout& step, const program::KernelStep& s, int thread,
              int threads) override;
  void contraction(const Scope& scope, const StepLayout& step, const StepFacts& facts, int thread,
                   int threads) override;
  void library(const Scope& scope, const StepLayout& step, const program::LibraryStep& s, int thread,
               int threads) override;
  bool loop(const Scope& scope, const StepLayout& step, const StepFacts& facts, bool alone) override;
  const void* look(const void* memory, std::int64_t bytes) const override;
  void put(void* to, const void* from, std::int64_t bytes) const override;
  void move(void* to, const void* from, std::int64_t bytes) const override;
  void fill(void* to, std::uint8_t byte, std::int64_t bytes) const override;

 private:
  void launch(int entry, std::span<void* const> parameters, std::span<const std::int64_t> extents) const;
  void multiply(const Scope& scope, const StepLayout& step, const program::ContractionStep& c,
                const StepFacts& facts) const;
  bool convolve(const Scope& scope, const StepLayout& step, const program::LibraryStep& s);  // false: no library can
  void library_on_host(const Scope& scope, const StepLayout& step, const program::LibraryStep& s);

  const DeviceCode& code_;
  mutable std::vector<std::uint8_t> seen_;  // the latest look
};

bool is_watched(const Frame& frame);  // by what looks at every step, and has to walk them

// Bytes in a device's memory, as a Storage knows them.
class DeviceValue final : public Remote {
 public:
  DeviceValue(std::shared_ptr<Staging> staging, std::size_t bytes)
      : staging_(std::move(staging)), memory_(staging_->driver(), bytes) {}
  void fetch(void* to, std::size_t bytes) const override { staging_->to_host(to, memory_.data(), bytes); }
  void* data() const { return memory_.data(); }
  const Driver* driver() const { return staging_->driver().get(); }

 private:
  const std::shared_ptr<Staging> staging_;
  const DeviceMemory memory_;
};

// For what a call makes anew: memory that an earlier call made for the same root buffer if nobody has it any more, so
// that calls that repeat meet few different addresses.
std::shared_ptr<Storage> new_on_device(Frame& frame, int root, std::size_t bytes);

// The caller's arrays, by root buffer, on the device while a call lasts. What is there already is used where it lies;
// values of Shareds, which nobody else writes to, stay there after the call, and so does what is new. Other arrays are
// copied there and, if they are written, back.
class DevicePorts {
 public:
  DevicePorts(Frame& frame, const std::vector<Array>& arrays);
  std::vector<void*> addresses() const;  // of all ports
  void finish() const;                   // after a call that did not fail

 private:
  const DeviceValue* value_of(const Array& array);
  void* place(int root, const Array& array, bool given);

  Frame& frame_;
  const std::vector<Array>& arrays_;
  std::vector<std::shared_ptr<const Remote>> held_;  // while the call lasts
  std::map<const Storage*, void*> homes_;
};

void run_on_device(Frame& frame, const std::vector<Array>& arrays);

}  // namespace bitale::executor
