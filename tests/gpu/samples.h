// The samples of an op on a device, against the interpreter.
#pragma once

#include <vector>

#include "tests/support/compiled_backend.h"
#include "tests/support/op_cases.h"

namespace bitale::tests {

// The samples as they are; with BITALE_GPU_VARIANTS=1 also in all other extents, of which there are ten times as many.
std::vector<OpCase> device_cases(const ir::OpDef& op);

// Compiled together: a module costs the host's compiler about as much with one kernel as with fifty.
void check_together(const std::vector<OpCase>& cases, const Backend& backend);

}  // namespace bitale::tests
