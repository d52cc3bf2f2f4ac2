// Puts the operands of commutative ops in one order, so that a*b and b*a are one node: constants last, the others by a
// hash of their structure, which is the same in every process; leaves of one name and type by age.
//
// Before: any graph. After: of two commutative applications with the same operands one is left. Values are bit-equal.
#pragma once

#include "compiler/rewrite/pass.h"

namespace bitale::passes {

ir::Graph canonicalise(const ir::Graph& graph, rewrite::PassContext& context);

}  // namespace bitale::passes
