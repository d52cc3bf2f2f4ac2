// Reads the text of a graph back.
//
//   %0: float32[n, 3] = input() {name="x", dtype=float32, shape=[n, 3]}  # small.cc:6
//   %1: float32[n, 3] = tanh(%0)
//   return %1
//
// A node: number, types of its outputs, op, operands (of a node with several outputs: %3.1), parameters in the order of
// the op's fields. What follows a # on a line is a comment. Operands come before their users; the numbers are labels.
// Dims are sums of products of integers, names, floordiv(a, b), min(a, b) and max(a, b); one name is one symbol. A
// number without a dtype of its own (the value of `full`) has the node's.
//
// parse(to_string(graph, lines, true)) prints as the graph did. Its inputs are the leaves that the text begins with.
// Source lines and the runtime values of Shared variables are not in the text.
#pragma once

#include <string_view>

#include "compiler/ir/graph.h"

namespace bitale::ir {

// Error with line and column: what was found and what was expected, an op that is not registered, what an op's type
// rule says to its operands, and a type that is not what the rule says.
Graph parse(std::string_view text);

}  // namespace bitale::ir
