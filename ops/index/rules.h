// Rewrites of rows that are put or added by integer tensors.
#pragma once

#include <span>

#include "compiler/rewrite/rewrite.h"

namespace bitale::ops {

// Simplifications: from level 1.
std::span<const rewrite::Rule* const> index_rules();

}  // namespace bitale::ops
