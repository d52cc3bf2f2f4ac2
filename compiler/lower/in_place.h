// Marks the results that may be written over memory that holds something else: updates over the old value of their
// Shared, outputs over inputs that the caller gives up.
#pragma once

#include <vector>

#include "compiler/kernel/kernel.h"
#include "runtime/program/program.h"

namespace bitale::lower {

// Sets Buffer::in_place of every update where the order of steps allows it (runtime/program/in_place.h) and the step
// that writes it reads the old value, if at all, only at the element that it then writes.
void mark_in_place(program::Program& program, const std::vector<kernel::Kernel>& kernels);

// Sets Buffer::over of every output: the inputs of its size that no step touches after the one that first writes the
// output, and that this step reads, if at all, only at the element that it then writes.
void mark_over_inputs(program::Program& program, const std::vector<kernel::Kernel>& kernels);

// Whether a kernel reads its argument `from` only at the element of argument `to` that it stores right after: they may
// be one buffer then.
bool reads_what_it_stores(const kernel::Kernel& kernel, int from, int to);

}  // namespace bitale::lower
