// Gives contractions operands of 16 bits where these hold all that is multiplied: a float32 operand made of such a
// tensor by index maps (padding, slices) is moved about in 16 bits and cast last. The values are the same bits; what
// lies in memory for the contraction is half as large, and lowering lets the contraction read it (lower/fuse.h).
//
// Before: any graph behind `widen`. After: a contraction's operand that held_in() knows a dtype of is a cast from it.
#pragma once

#include <optional>

#include "compiler/rewrite/pass.h"

namespace bitale::passes {

ir::Graph narrow_operands(const ir::Graph& graph, rewrite::PassContext& context);

// The dtype of 16 bits that holds every element of a float32 tensor: it is a cast from it, or made by index maps of
// such casts and of numbers that it holds.
std::optional<DType> held_in(const ir::Tensor& t);

// Whether the node only moves elements, in the dtype that they have.
bool only_moves(const ir::Node& node);

// Whether a contraction multiplies the node's first two operands in floating point.
bool is_product(const ir::Node& node);

}  // namespace bitale::passes
