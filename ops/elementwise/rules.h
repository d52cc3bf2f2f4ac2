// Rewrites whose result is an op of ops/elementwise.
#pragma once

#include <span>

#include "compiler/rewrite/rewrite.h"

namespace bitale::ops {

std::span<const rewrite::Rule* const> elementwise_rules();

}  // namespace bitale::ops
