#include <bitale/linalg.h>

#include "compiler/prim/prim.h"
#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

Tensor dot(const Tensor& a, const Tensor& b, Where at) {
  return Access::out(ir::dot(Access::in(a, "dot"), Access::in(b, "dot"), at));
}
Tensor batched_dot(const Tensor& a, const Tensor& b, Where at) {
  return Access::out(
      ir::dot_general(Access::in(a, "batched_dot"), Access::in(b, "batched_dot"), {{0}, {0}, {2}, {1}}, at));
}

}  // namespace bitale
