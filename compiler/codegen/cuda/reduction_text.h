// Reductions in the text of a function.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/values.h"

namespace bitale::codegen::cuda {

using Reductions = std::vector<kernel::Reduction>;

// Before the loop: declares what the iterations are combined into; its names.
std::vector<std::string> print_starts(Lines& out, Values& values, const Reductions& reductions);
// At the end of an iteration: combines what it yields.
void print_combining(Lines& out, const Values& values, const Reductions& reductions,
                     const std::vector<std::string>& sums);
// Behind a loop of so many steps: what each thread of a team has combined for itself meets.
void print_meeting(Lines& out, const Reductions& reductions, const std::vector<std::string>& sums,
                   const std::string& steps, Team team);

// A nest (reductions.h) of which each thread of the phase's team has every so many iterations.
void print_shared_nest(Lines& out, Values& values, const std::vector<const kernel::Loop*>& nest, const Phase& phase);

}  // namespace bitale::codegen::cuda
