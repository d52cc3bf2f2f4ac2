// Operands of contractions whose packed form may be kept between calls.
#pragma once

#include <string>

#include "runtime/program/program.h"

namespace bitale::program {

// Why a contraction of the outermost Program may not keep the pack of operand `buffer`, as a sentence; empty if it may:
// the buffer is, or is a view of, a constant, or a Shared that the Program does not update. It then holds the same
// values in all calls that see the same version of the Shared.
std::string why_not_kept(const Program& program, int buffer);

}  // namespace bitale::program
