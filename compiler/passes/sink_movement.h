// Moves broadcast_to, reshape and transpose from the operands of elementwise ops to their results: f(broadcast x)
// computes every repeated element once, f(reshape x) fuses with what makes x, and transposes travel towards dots and
// sums, which absorb them.
//
// Before: any graph. After: no elementwise node has operands that are all the same movement of tensors of one shape
// (splats, and single elements repeated, fit every movement). Values are bit-equal.
#pragma once

#include "compiler/rewrite/pass.h"

namespace bitale::passes {

ir::Graph sink_movement(const ir::Graph& graph, rewrite::PassContext& context);

}  // namespace bitale::passes
