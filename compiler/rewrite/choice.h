// Ops that can be computed in several ways say how, by rows that live beside them: what pass choose_algorithms applies.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/op.h"

namespace bitale::rewrite {

// Why the algorithm of this name cannot be had where the graph runs; empty if it can.
using Refusal = std::function<std::string(const std::string& algorithm)>;

struct Choose {
  const ir::Node& node;
  const ir::Node* slice;         // what alone reads the node, if that is a slice and the row takes it
  std::optional<DType> rounded;  // the dtype of 16 bits that all who read the node, or the slice, cast it to
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
  // Of a node of 16 bits: whether what would be chosen leaves its result in memory in 16 bits. Null: nothing does.
  std::function<bool(const Choose&)> rounds = nullptr;
};

// The node's row, or null.
inline const ChoiceRow* row_of(std::span<const ChoiceRow> rows, const ir::Node& node) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const ChoiceRow& r) { return r.op == &node.op(); });
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace bitale::rewrite
