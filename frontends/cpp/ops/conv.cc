#include "ops/api/conv.h"

#include <bitale/conv.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

Tensor conv2d(const Tensor& images, const Tensor& filters, const Conv2d& o, Where at) {
  return Access::out(
      ops::conv2d(Access::in(images), Access::in(filters), {o.stride, o.dilation, o.padding, o.groups, o.flip}, at));
}
Tensor max_pool2d(const Tensor& images, const Pool2d& o, Where at) {
  return Access::out(ops::max_pool2d(Access::in(images), {o.window, o.stride, o.padding, o.ceil, o.count_padding}, at));
}
Tensor average_pool2d(const Tensor& images, const Pool2d& o, Where at) {
  return Access::out(
      ops::average_pool2d(Access::in(images), {o.window, o.stride, o.padding, o.ceil, o.count_padding}, at));
}

}  // namespace bitale
