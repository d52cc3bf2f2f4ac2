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
BITALE_UNARY(exp2, ops::exp2)
BITALE_UNARY(log2, ops::log2)
BITALE_UNARY(log10, ops::log10)
BITALE_UNARY(cube, ops::cube)
BITALE_UNARY(reciprocal, ops::reciprocal)
BITALE_UNARY(rsqrt, ops::rsqrt)
BITALE_UNARY(log1mexp, ops::log1mexp)
BITALE_UNARY(tan, ops::tan)
BITALE_UNARY(asin, ops::asin)
BITALE_UNARY(acos, ops::acos)
BITALE_UNARY(atan, ops::atan)
BITALE_UNARY(sinh, ops::sinh)
BITALE_UNARY(cosh, ops::cosh)
BITALE_UNARY(asinh, ops::asinh)
BITALE_UNARY(acosh, ops::acosh)
BITALE_UNARY(atanh, ops::atanh)
BITALE_UNARY(deg2rad, ops::deg2rad)
BITALE_UNARY(rad2deg, ops::rad2deg)
BITALE_UNARY(erfc, ops::erfc)
BITALE_UNARY(erfinv, ops::erfinv)
BITALE_UNARY(lgamma, ops::lgamma)
BITALE_UNARY(digamma, ops::digamma)
BITALE_UNARY(selu, ops::selu)
BITALE_UNARY(gelu, ops::gelu)
BITALE_UNARY(gelu_tanh, ops::gelu_tanh)
BITALE_UNARY(silu, ops::silu)
BITALE_UNARY(mish, ops::mish)
BITALE_UNARY(hard_sigmoid, ops::hard_sigmoid)
BITALE_UNARY(softsign, ops::softsign)
BITALE_UNARY(log_sigmoid, ops::log_sigmoid)
BITALE_UNARY(sign, ops::sign)
BITALE_UNARY(trunc, ops::trunc)
BITALE_UNARY(isnan, ops::isnan)
BITALE_UNARY(isinf, ops::isinf)
BITALE_UNARY(isfinite, ops::isfinite)
BITALE_UNARY(bitwise_not, ops::bitwise_not)
BITALE_UNARY(stop_gradient, ir::stop_gradient)
#undef BITALE_UNARY

#define BITALE_BINARY(name, builder)                                            \
  Tensor name(const Operand& a, const Operand& b) {                             \
    return Access::out(builder(Access::in(a), Access::in(b), Access::line(a))); \
  }
BITALE_BINARY(pow, ops::pow)
BITALE_BINARY(floordiv, ops::floordiv)
BITALE_BINARY(mod, ops::mod)
BITALE_BINARY(hypot, ops::hypot)
BITALE_BINARY(logaddexp, ops::logaddexp)
BITALE_BINARY(xlogy, ops::xlogy)
BITALE_BINARY(atan2, ops::atan2)
BITALE_BINARY(greater, ops::greater)
BITALE_BINARY(greater_equal, ops::greater_equal)
BITALE_BINARY(bitwise_and, ops::bitwise_and)
BITALE_BINARY(bitwise_or, ops::bitwise_or)
BITALE_BINARY(bitwise_xor, ops::bitwise_xor)
BITALE_BINARY(shift_left, ops::shift_left)
BITALE_BINARY(shift_right, ops::shift_right)
BITALE_BINARY(logical_xor, ops::logical_xor)
BITALE_BINARY(operator%, ops::mod)
BITALE_BINARY(operator&, ops::bitwise_and)
BITALE_BINARY(operator|, ops::bitwise_or)
BITALE_BINARY(operator^, ops::bitwise_xor)
BITALE_BINARY(minimum, ir::minimum)
BITALE_BINARY(maximum, ir::maximum)
#undef BITALE_BINARY

Tensor operator~(const Tensor& x) { return Access::out(ops::bitwise_not(Access::in(x, "bitwise_not"))); }
Tensor polygamma(std::int64_t n, const Tensor& x, Where at) {
  return Access::out(ops::polygamma(n, Access::in(x, "polygamma"), at));
}
Tensor leaky_relu(const Tensor& x, double slope, Where at) {
  return Access::out(ops::leaky_relu(Access::in(x, "leaky_relu"), slope, at));
}
Tensor elu(const Tensor& x, double alpha, Where at) { return Access::out(ops::elu(Access::in(x, "elu"), alpha, at)); }
Tensor clip(const Tensor& x, const Operand& low, const Operand& high, Where at) {
  return Access::out(ops::clip(Access::in(x, "clip"), Access::in(low), Access::in(high), at));
}
Tensor nan_to_num(const Tensor& x, double nan, std::optional<double> high, std::optional<double> low, Where at) {
  return Access::out(ops::nan_to_num(Access::in(x, "nan_to_num"), nan, high, low, at));
}
Tensor where(const Tensor& condition, const Operand& yes, const Operand& no) {
  return Access::out(ir::where(Access::in(condition), Access::in(yes), Access::in(no), Access::line(yes)));
}
Tensor cast(const Tensor& x, DType dtype, Where at) { return Access::out(ir::cast(Access::in(x), dtype, at)); }

}  // namespace bitale
