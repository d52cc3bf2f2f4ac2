// Reductions over axes as users name them, on the primitives.
#include "ops/api/reduce.h"

#include "ops/api/axes.h"

namespace bitale::ops {

Tensor sum(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("sum", x, std::move(axes), line);
  return with_kept_axes(ir::sum(x, axes, line), x, axes, keepdims, line);
}

Tensor max(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("max", x, std::move(axes), line);
  return with_kept_axes(ir::max(x, axes, line), x, axes, keepdims, line);
}

Tensor min(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("min", x, std::move(axes), line);
  return with_kept_axes(ir::min(x, axes, line), x, axes, keepdims, line);
}

Tensor argmax(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("argmax", x, std::move(axes), line);
  return with_kept_axes(ir::argmax(x, axes, line), x, axes, keepdims, line);
}
Tensor argmax(const Tensor& x, int axis, bool keepdims, SourceLine line) {
  return argmax(x, Axes{axis}, keepdims, line);
}

Tensor argmin(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("argmin", x, std::move(axes), line);
  return with_kept_axes(ir::argmin(x, axes, line), x, axes, keepdims, line);
}
Tensor argmin(const Tensor& x, int axis, bool keepdims, SourceLine line) {
  return argmin(x, Axes{axis}, keepdims, line);
}

}  // namespace bitale::ops
