// Reductions over any axes (negative ones count from the end; none: all), with or without keeping them as extents of 1.
#pragma once

#include <vector>

#include "ops/api/names.h"

namespace bitale::ops {

Tensor sum(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor prod(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor mean(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
// Divided by max(n - ddof, 0). The derivative of a standard deviation of 0 is 0.
Tensor var(const Tensor& x, Axes axes = {}, std::int64_t ddof = 0, bool keepdims = false, SourceLine line = {});
Tensor stddev(const Tensor& x, Axes axes = {}, std::int64_t ddof = 0, bool keepdims = false, SourceLine line = {});
Tensor max(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor min(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor ptp(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
// int64: the first among equals; NaN wins. Over several axes the position counts row by row.
Tensor argmax(const Tensor& x, Axes axes, bool keepdims = false, SourceLine line = {});
Tensor argmax(const Tensor& x, int axis, bool keepdims = false, SourceLine line = {});
Tensor argmin(const Tensor& x, Axes axes, bool keepdims = false, SourceLine line = {});
Tensor argmin(const Tensor& x, int axis, bool keepdims = false, SourceLine line = {});
Tensor logsumexp(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
// The p-norm of the elements as one vector, also over several axes; p in [0, inf] or -inf.
Tensor norm(const Tensor& x, double p = 2, Axes axes = {}, bool keepdims = false, SourceLine line = {});
// Numbers are true where they are not 0; NaN is.
Tensor any(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor all(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});
Tensor count_nonzero(const Tensor& x, Axes axes = {}, bool keepdims = false, SourceLine line = {});

// Along one axis, from its first element or, in reverse, from its last.
Tensor cumsum(const Tensor& x, int axis, bool reverse = false, SourceLine line = {});
Tensor cumprod(const Tensor& x, int axis, bool reverse = false, SourceLine line = {});
Tensor cummax(const Tensor& x, int axis, bool reverse = false, SourceLine line = {});
Tensor cummin(const Tensor& x, int axis, bool reverse = false, SourceLine line = {});
// h[k] = a[k] * h[k-1] + b[k], beginning with h[0] = b[0]; a and b broadcast.
Tensor linear_recurrence(const Operand& a, const Operand& b, int axis, bool reverse = false, SourceLine line = {});

}  // namespace bitale::ops
