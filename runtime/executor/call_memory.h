// The memory of one call that is not in its frame: inputs, values of Shareds, outputs and updates.
//
// An output lies in its destination if the caller has given one, else in the memory of an input that the caller has
// given up and that it may be written over, else in a new Array. An update lies over the old value, in spare memory, or
// in a new Array. A destination that cannot be written while the call runs is copied to at its end: where it shares
// memory with an input that it may not be over, and where the output is a view of something else.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/executor/executor.h"
#include "runtime/executor/layout.h"
#include "runtime/program/placement.h"

namespace bitale::executor {

class CallMemory {
 public:
  // `guarded`: what is written may still be found wrong, and what it is compared with must stay (the NaN guard, the
  // step checker): nothing is written over anything. Shapes of inputs and Shareds have been checked; those of
  // destinations are checked here, and that no two of them overlap.
  CallMemory(const Layout& layout, const program::Placement& placement, std::span<const Array> inputs,
             std::span<const Array> shareds, const CallOptions& options, bool guarded);

  // Takes what is new. Full of zeros, and no spare memory, if the NaN guard is on; no spare memory in guard mode. On a
  // device what is new is there.
  using NewStorage = std::function<std::shared_ptr<Storage>(int root, std::size_t bytes)>;
  void make(bool zeros, bool spare_allowed, const NewStorage& on_device = {});

  std::int64_t new_bytes() const;                               // that make() takes, spare memory included
  const std::vector<Array>& arrays() const { return arrays_; }  // by root buffer; empty: in the frame
  CallResult results() const;  // after the call; fills destinations that wait for a copy

 private:
  enum class Home : std::uint8_t { frame, given, fresh };  // given: in arrays_ from the beginning

  const program::Program& program() const { return *layout_.program; }
  Extents shape_of(const program::Buffer& b) const;
  bool may_be_over(const Array& array, const program::Buffer& b) const;
  void check_destinations() const;
  Array home_of_output(std::size_t buffer);
  Array home_of_update(std::size_t buffer) const;
  bool only_touched_by(const Array& memory, std::size_t input) const;

  const Layout& layout_;
  const program::Placement& placement_;
  std::span<const Array> inputs_, shareds_;
  const CallOptions& options_;
  const bool guarded_;
  std::vector<bool> taken_;  // by input: an output is in its memory
  std::vector<Home> homes_;  // by root buffer
  std::vector<Array> arrays_;
};

bool overlap(const Array& a, const Array& b);

}  // namespace bitale::executor
