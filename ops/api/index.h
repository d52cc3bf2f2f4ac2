// Reading and writing by integer tensors.
#pragma once

#include "compiler/prim/prim.h"

namespace bitale::ops {

using ir::Dim;
using ir::Operand;
using ir::Shape;
using ir::Tensor;

// Rows of x along `axis` by integer indices of any rank: numpy.take. An index outside [-n, n) is a data error at run
// time.
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0, SourceLine line = {});
// x with `updates` added (or set) at indices along axis; duplicates accumulate.
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0, SourceLine line = {});
// x[i, indices[i]] for x [..., c] and int indices [...]: one element per row (used by cross-entropy).
Tensor pick(const Tensor& x, const Tensor& indices, SourceLine line = {});
// Its transpose: [..., extent] with dy [...] at the indices, 0 elsewhere.
Tensor pick_backward(const Tensor& dy, const Tensor& indices, const Dim& extent, SourceLine line = {});
// 1 where indices [...] equals the position along a new last axis, else 0; [..., classes].
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype, SourceLine line = {});

}  // namespace bitale::ops
