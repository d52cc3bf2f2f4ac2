#include "ops/api/index.h"

#include <bitale/index.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

Tensor gather(const Tensor& x, const Tensor& indices, int axis, Where at) {
  return Access::out(ops::gather(Access::in(x), Access::in(indices), axis, at));
}
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, Where at) {
  return Access::out(ops::scatter_add(Access::in(x), Access::in(indices), Access::in(updates), axis, at));
}
Tensor pick(const Tensor& x, const Tensor& indices, Where at) {
  return Access::out(ops::pick(Access::in(x), Access::in(indices), at));
}
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype, Where at) {
  return Access::out(ops::one_hot(Access::in(indices), Access::in(classes), dtype, at));
}

}  // namespace bitale
