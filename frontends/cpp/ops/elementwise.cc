#include "ops/api/elementwise.h"

#include <bitale/elementwise.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

#define BITALE_UNARY(name, builder) \
  Tensor name(const Tensor& x, Where at) { return Access::out(builder(Access::in(x, #name), at)); }
BITALE_UNARY(exp, ops::exp)
BITALE_UNARY(log, ops::log)
BITALE_UNARY(log1p, ops::log1p)
BITALE_UNARY(expm1, ops::expm1)
BITALE_UNARY(sqrt, ops::sqrt)
BITALE_UNARY(square, ir::square)
BITALE_UNARY(abs, ir::abs)
BITALE_UNARY(tanh, ops::tanh)
BITALE_UNARY(sigmoid, ops::sigmoid)
BITALE_UNARY(softplus, ops::softplus)
BITALE_UNARY(relu, ops::relu)
BITALE_UNARY(sin, ops::sin)
BITALE_UNARY(cos, ops::cos)
BITALE_UNARY(erf, ops::erf)
BITALE_UNARY(floor, ops::floor)
BITALE_UNARY(ceil, ops::ceil)
BITALE_UNARY(round, ops::round)
BITALE_UNARY(stop_gradient, ir::stop_gradient)
#undef BITALE_UNARY

#define BITALE_BINARY(name, builder)                                            \
  Tensor name(const Operand& a, const Operand& b) {                             \
    return Access::out(builder(Access::in(a), Access::in(b), Access::line(a))); \
  }
BITALE_BINARY(pow, ops::pow)
BITALE_BINARY(floordiv, ops::floordiv)
BITALE_BINARY(mod, ops::mod)
BITALE_BINARY(minimum, ir::minimum)
BITALE_BINARY(maximum, ir::maximum)
#undef BITALE_BINARY

Tensor where(const Tensor& condition, const Operand& yes, const Operand& no) {
  return Access::out(ir::where(Access::in(condition), Access::in(yes), Access::in(no), Access::line(yes)));
}
Tensor cast(const Tensor& x, DType dtype, Where at) { return Access::out(ir::cast(Access::in(x), dtype, at)); }

}  // namespace bitale
