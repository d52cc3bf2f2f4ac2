// What ops that reduce over axes (parameters: AxesParams; one operand) are made of.
#pragma once

#include <span>
#include <vector>

#include "compiler/prim/prim.h"

namespace bitale::ir {

// Type rule: the operand's shape without the reduced axes, and `dtype`. Checks that the axes are sorted, unique and
// there.
std::vector<TensorType> reduced_type(const TypeArgs& args, DType dtype);

// The extents that are reduced over, in order.
std::vector<Dim> reduced_extents(const Node& node);

// The operand's index inside a reduce(): the output's axes and the reduction's, each in order.
std::vector<Index> full_index(const Element& e, std::span<const Index> inner);

std::vector<Tensor> batch_reduction(const Batch& b);

}  // namespace bitale::ir
