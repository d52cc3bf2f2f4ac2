// Rewrites whose result is an op of ops/linalg.
#pragma once

#include <span>

#include "compiler/rewrite/rewrite.h"

namespace bitale::ops {

std::span<const rewrite::Rule* const> linalg_rules();

}  // namespace bitale::ops
