// The fastest of cuDNN's plans for a convolution, which nobody knows before they ran.
#pragma once

#include <functional>

#include "runtime/device/cudnn/convolution.h"

namespace bitale::cudnn {

// How many ms some runs of a plan take, one after the other. An Error if they fail, or there is no memory for them.
using PlanTimer = std::function<double(const ConvolutionPlan&, int runs)>;

// Of the first 8 that take no more than 1 GiB of workspace, or at all if none takes less, the one that takes the
// shortest. Each has a run that is not counted, and then some more, unless it is much slower than another. Plans that
// fail are left out; if all do, that is an Error that says why.
ConvolutionPlan fastest_plan(const Convolution& convolution, const std::vector<ConvolutionPlan>& plans,
                             const PlanTimer& time);

}  // namespace bitale::cudnn
