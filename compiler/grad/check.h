// Derivatives against finite differences: for tests, and for users who write their own vjp rules.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/graph.h"
#include "runtime/memory/array.h"

namespace bitale::ad {

using Bindings = std::vector<std::pair<ir::Tensor, Array>>;
// Values of tensors, given those of the leaves.
using Evaluator = std::function<std::vector<Array>(std::span<const ir::Tensor> outputs, const Bindings& leaves)>;

struct CheckOptions {
  int projections = 3;          // random directions per wrt
  double step = 1e-4;           // of the differences, which are exact for polynomials up to the fourth degree
  double element_above = 1e-5;  // a larger error is traced to one element
  std::uint64_t seed = 1;
  bool forward = false;  // check jvp as well
};

struct CheckResult {
  double worst = 0;   // |rule - difference| / max(1, |rule|, |difference|); infinite if either is not finite
  std::string where;  // "d outputs / d x (float64[3]) along a random direction: rule 1.5, differences 1.25"
};

// Compares the derivatives of `outputs` (those that are floats, along a random cotangent) in each of `wrt` with
// differences at the values in `leaves`. wrt are float64 leaves that `leaves` binds; functions should be smooth around
// the point.
CheckResult check_gradient(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> wrt, const Bindings& leaves,
                           const Evaluator& evaluate, const CheckOptions& options = {});

}  // namespace bitale::ad
