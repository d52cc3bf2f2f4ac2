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
BITALE_REDUCTION(mean)
BITALE_REDUCTION(max)
BITALE_REDUCTION(min)
BITALE_REDUCTION(logsumexp)
#undef BITALE_REDUCTION
Tensor argmax(const Tensor& x, int axis, Where at) { return Access::out(ops::argmax(Access::in(x), axis, at)); }
Tensor argmin(const Tensor& x, int axis, Where at) { return Access::out(ops::argmin(Access::in(x), axis, at)); }

}  // namespace bitale
