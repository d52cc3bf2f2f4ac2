// Ops that can be computed in several ways say how, by rows that live beside them: what pass choose_algorithms applies.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/ir/op.h"

namespace bitale::rewrite {

// Why the algorithm of this name cannot be had where the graph runs; empty if it can.
using Refusal = std::function<std::string(const std::string& algorithm)>;

struct Choose {
  const ir::Node& node;
  const ir::Node* slice;  // what alone reads the node, if that is a slice and the row takes it
  const std::map<std::string, std::string>& wishes;  // algorithms that the function asks for, by the ops' word for them
  const Refusal& refusal;                            // of algorithms that cannot be had where the graph runs
  bool blocks, tf32;                                 // as in PassContext
  std::vector<std::string>& notes;                   // lines for the compile report
};

// What the node becomes, or the slice if there is one, by tensors of the same types: empty if it stays as it is. An
// Error if it names an algorithm that cannot compute it.
struct ChoiceRow {
  const ir::OpDef* op = nullptr;
  std::function<std::vector<ir::Tensor>(const Choose&)> choose;
  bool takes_slice = false;  // it can compute a part of the node's result for less
};

}  // namespace bitale::rewrite
