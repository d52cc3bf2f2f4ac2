#include "ops/api/reduce.h"

#include <bitale/reduce.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

#define BITALE_REDUCTION(name)                                               \
  Tensor name(const Tensor& x, const Axes& axes, bool keepdims, Where at) {  \
    return Access::out(ops::name(Access::in(x, #name), axes, keepdims, at)); \
  }
BITALE_REDUCTION(sum)
BITALE_REDUCTION(prod)
BITALE_REDUCTION(mean)
BITALE_REDUCTION(max)
BITALE_REDUCTION(min)
BITALE_REDUCTION(ptp)
BITALE_REDUCTION(logsumexp)
BITALE_REDUCTION(any)
BITALE_REDUCTION(all)
BITALE_REDUCTION(count_nonzero)
#undef BITALE_REDUCTION

#define BITALE_MOMENT(name)                                                                    \
  Tensor name(const Tensor& x, const Axes& axes, std::int64_t ddof, bool keepdims, Where at) { \
    return Access::out(ops::name(Access::in(x, #name), axes, ddof, keepdims, at));             \
  }
BITALE_MOMENT(var)
BITALE_MOMENT(stddev)
#undef BITALE_MOMENT

#define BITALE_POSITION(name)                                                \
  Tensor name(const Tensor& x, int axis, bool keepdims, Where at) {          \
    return Access::out(ops::name(Access::in(x, #name), axis, keepdims, at)); \
  }                                                                          \
  Tensor name(const Tensor& x, const Axes& axes, bool keepdims, Where at) {  \
    return Access::out(ops::name(Access::in(x, #name), axes, keepdims, at)); \
  }
BITALE_POSITION(argmax)
BITALE_POSITION(argmin)
#undef BITALE_POSITION

#define BITALE_CUMULATIVE(name)                                             \
  Tensor name(const Tensor& x, int axis, bool reverse, Where at) {          \
    return Access::out(ops::name(Access::in(x, #name), axis, reverse, at)); \
  }
BITALE_CUMULATIVE(cumsum)
BITALE_CUMULATIVE(cumprod)
BITALE_CUMULATIVE(cummax)
BITALE_CUMULATIVE(cummin)
#undef BITALE_CUMULATIVE

Tensor norm(const Tensor& x, double p, const Axes& axes, bool keepdims, Where at) {
  return Access::out(ops::norm(Access::in(x, "norm"), p, axes, keepdims, at));
}
Tensor linear_recurrence(const Operand& a, const Operand& b, int axis, bool reverse) {
  return Access::out(ops::linear_recurrence(Access::in(a), Access::in(b), axis, reverse, Access::line(a)));
}

}  // namespace bitale
