// Updates that are written over the old value of their Shared.
#pragma once

#include <string>

#include "runtime/program/program.h"

namespace bitale::program {

// Why update buffer `update` must have memory of its own, as a sentence; empty if the steps allow it to be the memory
// of the Shared's present value. They do if the first step that touches the update, and all after it, cannot fail
// (there is no way back from there), and no later step touches the old value. Whether the first step itself may read
// the old value while it writes the new one is for those to know who made it.
std::string why_not_in_place(const Program& program, int update);

// The number of the first step that touches a buffer or an alias of it; -1 if none does.
int first_step_of(const Program& program, int buffer);
// The buffer of a Shared's present value; -1 if the program does not read it.
int buffer_of_shared(const Program& program, int shared);

}  // namespace bitale::program
