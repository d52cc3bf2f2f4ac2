// The graph passes, in order: reading pipeline.cc is reading the optimiser.
#pragma once

#include <cstdint>

#include "compiler/rewrite/choice.h"
#include "compiler/rewrite/pass.h"

namespace bitale::driver {

// Rules that live beside their ops join the compiler's own: called once, when the ops are registered. Those that
// stabilise run at every level, the others from level 1.
enum class RuleStage : std::uint8_t { stabilise, simplify };
void add_rules(std::span<const rewrite::Rule* const> rules, RuleStage stage);
std::span<const rewrite::Rule* const> rules_of_ops();  // of both stages

// Ops that can be computed in several ways, for the pass choose_algorithms: called once, as well.
void add_choices(std::span<const rewrite::ChoiceRow> rows);

const rewrite::Pipeline& pipeline();

}  // namespace bitale::driver
