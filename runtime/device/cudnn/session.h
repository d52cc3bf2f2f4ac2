// cuDNN on one GPU, opened: plans that are kept, and running them.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "runtime/device/cudnn/convolution.h"

namespace bitale::cudnn {

// Made and used in the GPU's context. Threads may share it.
class Session {
 public:
  explicit Session(void* stream) : handle_(stream), target_(handle_) {}

  // The best one; it is looked for once.
  std::shared_ptr<const ConvolutionPlan> plan(const Convolution& convolution);
  void run(const ConvolutionPlan& plan, const ConvolutionMemory& memory, void* stream);

 private:
  std::mutex mutex_;
  const Handle handle_;
  const Target target_;
  std::map<Convolution, std::shared_ptr<const ConvolutionPlan>> plans_;
};

}  // namespace bitale::cudnn
