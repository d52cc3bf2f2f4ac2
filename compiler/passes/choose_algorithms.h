// Replaces ops that can be computed in several ways by what the chosen way is: the one that the node names, else the
// one that the function asks for (PassContext::algorithms), else the one that is expected to be fastest.
//
// Before: derivatives and batching of these ops are done with, since they follow the op and not the algorithm. After:
// what is left of them lowers as it stands. Values are equal up to rounding. PassContext::choices says what was chosen.
// A node that names an algorithm that cannot compute it is an Error.
#pragma once

#include <span>

#include "compiler/rewrite/choice.h"
#include "compiler/rewrite/pass.h"

namespace bitale::passes {

ir::Graph choose_algorithms(const ir::Graph& graph, rewrite::PassContext& context,
                            std::span<const rewrite::ChoiceRow> rows);

}  // namespace bitale::passes
