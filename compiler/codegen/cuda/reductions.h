// Reductions that the threads of a block share. A thread that sums alone reads one element after the other, and few
// results then have few threads: where there is nothing but reductions, all threads of a block read at the same time,
// and their sums meet (prelude.cc).
#pragma once

#include <vector>

#include "compiler/codegen/cuda/print.h"
#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

// Loops whose iterations, all together, are combined in any grouping, outermost first: each of those inside is all that
// the one around it does, but for Lets before it, and combines what that combines, in the same way; the innermost has
// only Lets. Nothing if the loop is none of these.
std::vector<const kernel::Loop*> reduction_nest(const kernel::Loop& loop);

// Who is to run an iteration of independent loops, of which `innermost` is one, that does this: a thread, unless it
// consists of reductions, some of them not short, and of what is made of their results.
Team team_for_reductions(const kernel::Kernel& kernel, const kernel::Region& region, const kernel::Loop& innermost);

inline constexpr std::size_t most_of_all_blocks = 4;  // values that are reduced in one loop
// Whether all that is done is one reduction, of so many elements that many blocks are to share it, and what is made of
// its result. Not of pairs.
bool is_for_all_blocks(const kernel::Kernel& kernel, const kernel::Region& region);

// How many iterations the longest of its reductions has; -1: that is not known.
std::int64_t longest_reduction(const kernel::Region& region);

}  // namespace bitale::codegen::cuda
