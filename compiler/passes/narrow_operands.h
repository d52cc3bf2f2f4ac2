// Gives contractions operands of 16 bits where these hold all that is multiplied: a float32 operand made of such a
// tensor by index maps (padding, slices) is moved about in 16 bits and cast last. The values are the same bits; what
// lies in memory for the contraction is half as large, and lowering lets the contraction read it (lower/fuse.h).
//
// Before: any graph behind `widen`. After: a contraction's operand that 16 bits hold (compiler/prim/held_in.h) is a
// cast from them.
#pragma once

#include "compiler/rewrite/pass.h"

namespace bitale::passes {

ir::Graph narrow_operands(const ir::Graph& graph, rewrite::PassContext& context);

// Whether a contraction multiplies the node's first two operands in floating point.
bool is_product(const ir::Node& node);

}  // namespace bitale::passes
