// Reductions over any axes; none: all of them. With keepdims the reduced axes stay, with extent 1. NaN among the
// elements gives NaN, and its position for argmax and argmin; any, all and count_nonzero take it as not zero.
#pragma once

#include <cstdint>

#include <bitale/tensor.h>

namespace bitale {

Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
// Variance and standard deviation, divided by n - ddof. The derivative of a standard deviation of 0 is 0.
Tensor var(const Tensor& x, const Axes& axes = {}, std::int64_t ddof = 0, bool keepdims = false,
           Where at = Where::current());
Tensor stddev(const Tensor& x, const Axes& axes = {}, std::int64_t ddof = 0, bool keepdims = false,
              Where at = Where::current());
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor ptp(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());  // max - min
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
// (sum |x|^p)^(1/p) of the elements as one vector, also over several axes: 2 over two axes is Frobenius'. Infinity
// takes the largest |x|, minus infinity the smallest, 0 counts. The derivative at 0 is 0.
Tensor norm(const Tensor& x, double p = 2, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor all(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor count_nonzero(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
// Positions of the first extremum along an axis, or over several axes, where they count row by row.
Tensor argmax(const Tensor& x, int axis = -1, bool keepdims = false, Where at = Where::current());
Tensor argmax(const Tensor& x, const Axes& axes, bool keepdims = false, Where at = Where::current());
Tensor argmin(const Tensor& x, int axis = -1, bool keepdims = false, Where at = Where::current());
Tensor argmin(const Tensor& x, const Axes& axes, bool keepdims = false, Where at = Where::current());

// Along one axis: each element combined with all before it, or in reverse with all after it.
Tensor cumsum(const Tensor& x, int axis, bool reverse = false, Where at = Where::current());
Tensor cumprod(const Tensor& x, int axis, bool reverse = false, Where at = Where::current());
Tensor cummax(const Tensor& x, int axis, bool reverse = false, Where at = Where::current());
Tensor cummin(const Tensor& x, int axis, bool reverse = false, Where at = Where::current());
// h[k] = a[k] * h[k-1] + b[k] along the axis, beginning with h[0] = b[0]. Discounted sums are one.
Tensor linear_recurrence(const Operand& a, const Operand& b, int axis, bool reverse = false);

}  // namespace bitale
