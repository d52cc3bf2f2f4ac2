// Runs of iterations that one thread has: neighbours that read and write neighbours in memory, which one instruction
// loads or stores together.
#pragma once

#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/mapping.h"
#include "compiler/codegen/cuda/values.h"

namespace bitale::codegen::cuda {

// How many iterations of the phase's loops a thread is to have together: 4 where the innermost loop's extent is a
// multiple of that and all that an iteration does is a little arithmetic on elements that lie side by side, the first
// of four at an address that is a multiple of theirs, or are the same for all four; else 1.
int run_of(const kernel::Kernel& kernel, const Mapping& mapping);

// What one run does: loads, the arithmetic of each lane, stores.
void print_run(Lines& out, Values& values, const Mapping& mapping);

}  // namespace bitale::codegen::cuda
