#include "runtime/device/cudnn/session.h"

namespace bitale::cudnn {

std::shared_ptr<const ConvolutionPlan> Session::known(const Convolution& convolution) {
  const std::lock_guard lock(mutex_);
  const auto found = plans_.find(convolution);
  return found == plans_.end() ? nullptr : found->second;
}

std::shared_ptr<const ConvolutionPlan> Session::plan(const Convolution& convolution, const PlanTimer& time) {
  if (const auto plan = known(convolution)) return plan;
  const std::lock_guard searching(search_);
  if (const auto plan = known(convolution)) return plan;
  const std::vector<ConvolutionPlan> plans = find_plans(convolution, target_);
  const bool choice = time && plans.size() > 1;
  const auto plan =
      std::make_shared<const ConvolutionPlan>(choice ? fastest_plan(convolution, plans, time) : plans.front());
  const std::lock_guard lock(mutex_);
  plans_.emplace(convolution, plan);
  return plan;
}

void Session::run(const ConvolutionPlan& plan, const ConvolutionMemory& memory, void* stream) {
  const std::lock_guard lock(mutex_);
  handle_.use(stream);
  plan.run(handle_, memory);
}

}  // namespace bitale::cudnn
