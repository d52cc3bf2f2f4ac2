#include "ops/api/nn.h"

#include <bitale/nn.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

Tensor softmax(const Tensor& x, int axis, Where at) { return Access::out(ops::softmax(Access::in(x), axis, at)); }
Tensor log_softmax(const Tensor& x, int axis, Where at) {
  return Access::out(ops::log_softmax(Access::in(x), axis, at));
}
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Where at) {
  return Access::out(ops::cross_entropy(Access::in(logits), Access::in(labels), at));
}

}  // namespace bitale
