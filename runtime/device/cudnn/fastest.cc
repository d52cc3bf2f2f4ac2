#include "runtime/device/cudnn/fastest.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "runtime/base/log.h"

namespace bitale::cudnn {
namespace {

constexpr std::size_t most_plans = 8;
constexpr std::int64_t most_workspace = std::int64_t{1} << 30;
constexpr int rounds = 3, runs_of_round = 3;
constexpr double much_slower = 1.5;

std::vector<const ConvolutionPlan*> candidates(const std::vector<ConvolutionPlan>& plans) {
  const auto fits = [](const ConvolutionPlan& p) { return p.workspace_bytes() <= most_workspace; };
  const bool any = std::any_of(plans.begin(), plans.end(), fits);
  std::vector<const ConvolutionPlan*> some;
  for (const ConvolutionPlan& p : plans)
    if ((!any || fits(p)) && some.size() < most_plans) some.push_back(&p);
  return some;
}

// Of one run; `best` is that of another plan.
double ms_of(const ConvolutionPlan& plan, double best, const PlanTimer& time) {
  time(plan, 1);
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < rounds && (i == 0 || least < much_slower * best); ++i)
    least = std::min(least, time(plan, runs_of_round) / runs_of_round);
  return least;
}

}  // namespace

ConvolutionPlan fastest_plan(const Convolution& convolution, const std::vector<ConvolutionPlan>& plans,
                             const PlanTimer& time) {
  const ConvolutionPlan* fastest = nullptr;
  double best = std::numeric_limits<double>::infinity();
  std::string lines;
  for (const ConvolutionPlan* plan : candidates(plans)) {
    const std::string name = to_string(plan->engine());
    try {
      const double ms = ms_of(*plan, best, time);
      lines += fmt::format("\n  {:.4f} ms, {} bytes of workspace: {}", ms, plan->workspace_bytes(), name);
      if (ms < best) fastest = plan, best = ms;
    } catch (const Error& e) {
      lines += fmt::format("\n  failed: {}: {}", name, e.what());
    }
  }
  const std::string all = to_string(convolution) + ": cuDNN's plans:" + lines;
  if (!fastest) throw Error("convolution " + all);
  if (log_enabled(2)) log(2, all);
  return *fastest;
}

}  // namespace bitale::cudnn
