#pragma once

#include <span>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/scan/ops.h"

namespace bitale::tests {

// The scans that these need, bodies left out; operands come first.
inline std::vector<ir::NodePtr> scans_in(std::span<const ir::Tensor> outputs) {
  std::vector<ir::NodePtr> out;
  for (const ir::NodePtr& n : ir::topological(outputs))
    if (loops::is_scan(*n)) out.push_back(n);
  return out;
}

}  // namespace bitale::tests
