// Shapes and rearrangement.
#pragma once

#include <cstdint>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

Tensor reshape(const Tensor& x, const Shape& shape, Where at = Where::current());  // one extent may be -1
Tensor transpose(const Tensor& x, const Axes& axes = {}, Where at = Where::current());
Tensor broadcast_to(const Tensor& x, const Shape& shape, Where at = Where::current());
Tensor expand_dims(const Tensor& x, int axis, Where at = Where::current());
Tensor concatenate(const std::vector<Tensor>& parts, int axis = 0, Where at = Where::current());
Tensor flip(const Tensor& x, const Axes& axes, Where at = Where::current());
// Rows [start, stop) of one axis; constants may be negative and are clipped as in NumPy.
Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1,
             Where at = Where::current());
// The same with symbolic bounds: `count` elements from `start`, both within the axis (checked at call entry).
Tensor slice(const Tensor& x, int axis, const Dim& start, const Dim& count, Where at = Where::current());

}  // namespace bitale
