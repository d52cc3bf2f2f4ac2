// Reductions over axes as users name them, on the primitives.
#include "ops/api/reduce.h"
#include "ops/reduce/axes.h"

namespace bitale::ops {

Tensor sum(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("sum", x, std::move(axes), line);
  return with_kept_axes(ir::sum(x, axes, line), x, axes, keepdims, line);
}

// Integers are summed in int64 and divided in default_float. The mean of no elements is NaN.
Tensor mean(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("mean", x, std::move(axes), line);
  ir::Dim count(1);
  for (std::int64_t a : axes) count = count * x.dim(static_cast<int>(a));
  const Operand operand = x;
  const DType dtype = ir::float_dtype({&operand, 1});
  const Tensor total = cast(ir::sum(x, axes, line), dtype, line);
  return with_kept_axes(div(total, cast(ir::extent(count, line), dtype, line), line), x, axes, keepdims, line);
}

Tensor max(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("max", x, std::move(axes), line);
  return with_kept_axes(ir::max(x, axes, line), x, axes, keepdims, line);
}

Tensor min(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("min", x, std::move(axes), line);
  return with_kept_axes(ir::min(x, axes, line), x, axes, keepdims, line);
}

Tensor argmax(const Tensor& x, int axis, SourceLine line) {
  return ir::argmax(x, normalised_axes("argmax", x, {axis}, line), line);
}
Tensor argmin(const Tensor& x, int axis, SourceLine line) {
  return ir::argmin(x, normalised_axes("argmin", x, {axis}, line), line);
}

}  // namespace bitale::ops
