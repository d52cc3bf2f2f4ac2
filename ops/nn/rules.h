// Rewrites whose result is an op of ops/nn.
#pragma once

#include <span>

#include "compiler/rewrite/rewrite.h"

namespace bitale::ops {

// Before the stabilising rules of compiler/passes: where softmax along one axis is written out, these make it the op by
// name.
std::span<const rewrite::Rule* const> nn_rules();

// Simplifications: from level 1.
std::span<const rewrite::Rule* const> nn_algebra_rules();

}  // namespace bitale::ops
