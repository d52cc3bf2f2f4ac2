// What a graph costs once it is compiled, counted instead of timed: the pipeline and the lowering run, and the kernels'
// loops are multiplied out. All extents of the graph are constants.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "compiler/ir/graph.h"
#include "compiler/rewrite/rewrite.h"

namespace bitale::tests {

struct Cost {
  int nodes = 0;                // of the optimised graph
  int steps = 0;                // kernels, contractions and library calls
  std::int64_t operations = 0;  // arithmetic; what expands to a polynomial counts as 12, a division as 3
  std::int64_t bytes = 0;       // loaded and stored by kernels, and the operands and results of all other steps
  rewrite::Counts fired;        // rules, by name
};

Cost cost_of(std::span<const ir::Tensor> outputs, const rewrite::RewriteOptions& options = {});

std::string to_string(const Cost& cost);

}  // namespace bitale::tests
