// Reductions over any axes (negative ones count from the end; none: all), with or without keeping them as extents of 1.
#pragma once

#include <vector>

#include "compiler/prim/prim.h"

namespace bitale::ops {

using ir::Dim;
using ir::Operand;
using ir::Shape;
using ir::Tensor;

using Axes = std::vector<std::int64_t>;

Tensor sum(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor mean(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor max(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor min(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor argmax(const Tensor& x, int axis, SourceLine line = {});  // int64; first among equals; NaN wins
Tensor argmin(const Tensor& x, int axis, SourceLine line = {});
Tensor logsumexp(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});

}  // namespace bitale::ops
