#include "runtime/device/cudnn/session.h"

namespace bitale::cudnn {

std::shared_ptr<const ConvolutionPlan> Session::plan(const Convolution& convolution) {
  const std::lock_guard lock(mutex_);
  auto& plan = plans_[convolution];
  if (!plan) plan = std::make_shared<const ConvolutionPlan>(find_plan(convolution, target_));
  return plan;
}

void Session::run(const ConvolutionPlan& plan, const ConvolutionMemory& memory, void* stream) {
  const std::lock_guard lock(mutex_);
  handle_.use(stream);
  plan.run(handle_, memory);
}

}  // namespace bitale::cudnn
