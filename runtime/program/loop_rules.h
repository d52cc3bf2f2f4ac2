// Rules of loops that the verifier checks once it knows that all bindings exist. InternalError; `label` names the loop.
#pragma once

#include <string>

#include "runtime/program/program.h"

namespace bitale::program {

// A loop of `outer` with bindings that go by blocks (LoopBinding::blocks).
void check_blocks(const LoopStep& loop, const Program& outer, const std::string& label);

// What LoopStep::kernel says of a loop of `outer`, which lies in `outermost`; its entry exists.
void check_loop_kernel(const LoopStep& loop, const Program& outer, const Program& outermost, const std::string& label);

}  // namespace bitale::program
