// Stable forms before differentiation. log(1/(1 + exp(-x))) differentiated as written gives 0 * inf where its stable
// form -softplus(-x) gives sigmoid(-x): so grad, vjp and jvp apply passes::stabilising_rules() to the functions they
// are given. The compile pipeline applies the same rules to the functions themselves, so both sides go on sharing their
// nodes.
#pragma once

#include <span>
#include <vector>

#include "compiler/ir/graph.h"

namespace bitale::ad {

// The outputs in stable form, and what the targets (of differentiation) have become in them. A target that is not a
// leaf is kept as it is and stands behind an identity, `barrier`, through which no rule looks.
struct Prepared {
  std::vector<ir::Tensor> outputs, targets;
  bool barriers = false;
};
Prepared prepare(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> targets);

// Takes the barriers out of a result.
std::vector<ir::Tensor> finish(const Prepared& prepared, std::vector<ir::Tensor> results);

}  // namespace bitale::ad
