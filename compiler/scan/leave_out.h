// What scans compute and nobody reads.
#pragma once

#include <vector>

#include "compiler/ir/graph.h"

namespace bitale::loops {

// The same outputs, without results of scans that nobody reads and carries that reach nothing that is read. A carry
// that no step changes is an invariant; rows that are stacked twice are stacked once.
std::vector<ir::Tensor> leave_out(const std::vector<ir::Tensor>& outputs);

}  // namespace bitale::loops
