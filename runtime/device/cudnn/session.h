// cuDNN on one GPU, opened: plans that are kept, and running them.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "runtime/device/cudnn/fastest.h"

namespace bitale::cudnn {

// Made and used in the GPU's context. Threads may share it.
class Session {
 public:
  explicit Session(void* stream) : handle_(stream), target_(handle_) {}

  // It is looked for once: the fastest, or without a timer the one that the heuristics put first. The timer may run
  // plans.
  std::shared_ptr<const ConvolutionPlan> plan(const Convolution& convolution, const PlanTimer& time);
  void run(const ConvolutionPlan& plan, const ConvolutionMemory& memory, void* stream);

 private:
  std::shared_ptr<const ConvolutionPlan> known(const Convolution& convolution);  // null: none

  std::mutex mutex_, search_;  // the second while a plan is looked for: one at a time is timed
  const Handle handle_;
  const Target target_;
  std::map<Convolution, std::shared_ptr<const ConvolutionPlan>> plans_;
};

}  // namespace bitale::cudnn
