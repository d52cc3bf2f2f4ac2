// An op's element body written down on its own, and what a formula costs.
#pragma once

#include "compiler/ir/element.h"
#include "compiler/ir/node.h"

namespace bitale::ir {

// The formula of an output's element, for an op with an element body: operand k is read from source k. The output's
// axes are the formula's first expressions, in order.
Expr record(const Node& node, int output, Formula& formula);

// Per element; what is done once per element of a reduction counts once.
struct FormulaCost {
  int operations = 0;  // in additions, roughly; addresses are free
  int dearest = 0;     // the most that one operation costs
  bool reduces = false;
};
FormulaCost cost_of(const Formula& formula);
// Of all outputs of a node with an element body, its operands being loaded.
FormulaCost cost_of(const Node& node);

// An index map: the elements of its operands (or fill values) in other places, and nothing computed.
bool is_index_map(const Node& node);

}  // namespace bitale::ir
