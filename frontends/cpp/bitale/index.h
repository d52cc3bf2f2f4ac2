// Reading and writing by integer tensors.
#pragma once

#include <cstdint>

#include <bitale/tensor.h>

namespace bitale {

// An index is in [-n, n) for an axis of extent n. A call with one outside fails, naming the op, the index and the line
// that asked for it; no update is stored then.
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0, Where at = Where::current());
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0,
                   Where at = Where::current());
Tensor pick(const Tensor& x, const Tensor& indices, Where at = Where::current());  // x[i, indices[i]]
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype = float32, Where at = Where::current());

}  // namespace bitale
