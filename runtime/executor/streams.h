// Which steps of a recorded call may run at the same time, and on which of a device's streams.
//
// Two steps depend on each other if they touch the same memory and one of them writes it, whatever lies there: the
// later one then comes after the earlier one, on its stream or behind a wait for it. So a plan is right for one
// placement and for one call's addresses, and says nothing of others. A step that is `alone` comes after all before it
// and before all behind it, on the first stream.
//
// A wait is planned only where the order of a stream and other waits do not imply it. The first step of every stream
// but the first waits for another step or for the beginning, and in the end the first stream waits for all others.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitale::executor {

struct MemoryUse {
  const void* begin = nullptr;
  std::int64_t bytes = 0;
  bool written = false;
};

struct StepUse {
  std::vector<MemoryUse> memory;
  bool alone = false;
};

struct StreamPlan {
  struct Step {
    int stream = 0;
    std::vector<int> waits;        // for steps of other streams
    bool waits_for_begin = false;  // the first of its stream, and waits for no step
    bool awaited = false;          // by a step of another stream, or in the end
  };
  std::vector<Step> steps;
  std::vector<int> waits_at_end;  // for steps, by the first stream
  int streams = 1;                // with steps
  int longest = 0;                // steps that follow each other, by order of streams and waits

  int waits() const;  // in all
};

StreamPlan plan_streams(std::span<const StepUse> steps, int most_streams);

// A line for each step, and one for the end.
std::string to_string(const StreamPlan& plan);

}  // namespace bitale::executor
