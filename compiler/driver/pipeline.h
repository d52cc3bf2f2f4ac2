// The graph passes, in order: reading pipeline.cc is reading the optimiser.
#pragma once

#include "compiler/rewrite/pass.h"

namespace bitale::driver {

// Rules that live beside their ops join the compiler's own: called once, when the ops are registered.
void add_rules(std::span<const rewrite::Rule* const> rules);
std::span<const rewrite::Rule* const> rules_of_ops();

const rewrite::Pipeline& pipeline();

}  // namespace bitale::driver
