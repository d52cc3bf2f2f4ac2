// What 16 bits hold of tensors of float32: those that are made by index maps (padding, slices, transposes) of casts
// from float16 or bfloat16 are the same numbers in these.
#pragma once

#include <optional>

#include "compiler/ir/node.h"

namespace bitale::ir {

// The dtype of 16 bits that holds every element of a float32 tensor: it is a cast from it, or made by index maps of
// such casts and of numbers that it holds.
std::optional<DType> held_in(const Tensor& t);

// The tensor in the dtype that holds it.
Tensor narrowed(const Tensor& t, DType dtype);

// Whether the node only moves elements, in the dtype that they have.
bool only_moves(const Node& node);

}  // namespace bitale::ir
