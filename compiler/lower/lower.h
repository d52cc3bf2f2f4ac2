// Lowering: an optimised graph becomes a Program and the kernels it needs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/kernel/kernel.h"
#include "runtime/program/program.h"

namespace bitale::lower {

// Extents that the user's graph requires to be equal; rewriting may drop the node that asked.
struct Requirement {
  ir::DimEquality equality;
  std::string message;
};

struct FunctionGraph {
  std::string name;
  std::vector<ir::Tensor> inputs;   // leaves
  std::vector<ir::Tensor> shareds;  // leaves, in the order of the Program's ports
  std::vector<ir::Tensor> outputs;
  std::vector<std::pair<int, ir::Tensor>> updates;  // (shared, new value)
  std::vector<Requirement> requirements;            // beyond those of the nodes themselves
};

// The requirements of all nodes of a graph.
std::vector<Requirement> requirements_of(const FunctionGraph& graph);

struct Lowered {
  program::Program program;                  // entries: one per kernel; contraction tiles still to be chosen; no code
  std::vector<kernel::Kernel> kernels;       // in the order of the entries, structurally distinct
  std::map<int, ir::NodePtr> library_nodes;  // what a library call computes, by step
  std::map<std::uint64_t, int> symbols;      // slots of the dim symbols, by id
  int nodes = 0, groups = 0;
};

// Extents that no input or Shared binds are an Error that names the symbol and where it was made. for_device: epilogues
// read only such slices of contractions as the functions of a device can hand them (program::ContractionStep::sliced).
Lowered lower(const FunctionGraph& graph, bool for_device = false);

}  // namespace bitale::lower
