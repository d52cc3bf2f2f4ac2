// Statements of a kernel in the text of a function.
#pragma once

#include <vector>

#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/mapping.h"
#include "compiler/codegen/cuda/values.h"

namespace bitale::codegen::cuda {

// As all threads of such a team run them together.
void print_statements(Lines& out, Values& values, const Mapping& mapping, const std::vector<const kernel::Stmt*>& list,
                      Team team);

// Whether the statement, or one in it, stores to the buffer.
bool stores_to(const kernel::Kernel& kernel, const kernel::Stmt& stmt, int buffer);

}  // namespace bitale::codegen::cuda
