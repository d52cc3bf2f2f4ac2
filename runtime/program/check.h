// The rules of a Program, one by one.
#pragma once

#include "runtime/program/program.h"

namespace bitale::program {

// Nesting of bodies beyond this is refused: verification and execution recurse on it.
inline constexpr int deepest_nesting = 32;

// Throws InternalError with a sentence on the first rule that is broken.
void check(const Program& program);

}  // namespace bitale::program
