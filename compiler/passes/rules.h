// The rule tables of the compiler's own ops. Rules that speak of one op of ops/ by name need no header of it.
#pragma once

#include <span>
#include <vector>

#include "compiler/rewrite/rewrite.h"

namespace bitale::passes {

// Simplifications: arithmetic, comparisons and selection, casts; moving and merging broadcasts, reshapes, transposes,
// slices; regions that are cut out, put together and set; reductions and dots. Applied from level 1.
std::span<const rewrite::Rule* const> algebra_rules();

// Forms that keep their digits: log(1 + x) as log1p(x) and kin. Applied at every level, and by grad() before it
// differentiates: each side's derivative is that of the other, and the right side's is finite wherever it should be.
std::span<const rewrite::Rule* const> stabilising_rules();

// The tables that make them up.
const std::vector<rewrite::Rule>& arithmetic_rules();
const std::vector<rewrite::Rule>& cancel_rules();
const std::vector<rewrite::Rule>& logic_rules();
const std::vector<rewrite::Rule>& movement_rules();
const std::vector<rewrite::Rule>& slice_rules();
const std::vector<rewrite::Rule>& lift_rules();
const std::vector<rewrite::Rule>& region_rules();
const std::vector<rewrite::Rule>& reduction_rules();
const std::vector<rewrite::Rule>& factor_rules();
const std::vector<rewrite::Rule>& extremum_rules();
const std::vector<rewrite::Rule>& dot_rules();

}  // namespace bitale::passes
