// In which order of their axes tensors lie in memory.
//
// A library call may see its operands and its result through transposes: a convolution whose channels lie last. Then
// what kernels compute in between is laid out in that order, too, so that they read and write along it and no copy is
// left that only changes the order.
//
// Sums over the axes that then come first, whose few results would have a thread each, are taken one axis after the
// other, the innermost first: neighbouring threads read neighbouring elements, and there are many of them.
//
// Before: any graph. After: tensors that kernels compute, that nothing but formulas reads and that meet such calls by
// way of kernels which go along with them, axis by axis, are an in_memory(transpose(x)), and read through the inverse
// transpose. What leaves the function stays as it is. Values are bit-equal, but for the order in which sums are taken.
#pragma once

#include <span>
#include <vector>

#include "compiler/ir/graph.h"

namespace bitale::lower {

std::vector<ir::Tensor> in_order_of_calls(std::span<const ir::Tensor> outputs);

}  // namespace bitale::lower
