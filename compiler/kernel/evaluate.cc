#include <bit>
#include <cmath>
#include <limits>

#include "compiler/kernel/interpret.h"
#include "compiler/kernel/philox.h"
#include "compiler/kernel/special.h"
#include "runtime/base/float16.h"

namespace bitale::kernel {
namespace {

using Word = std::uint64_t;

std::int64_t wrap(std::int64_t v, DType type) {
  return dispatch(type, [&](auto t) -> std::int64_t {
    using T = typename decltype(t)::type;
    if constexpr (std::is_floating_point_v<T>)
      throw InternalError("evaluate: an integer result of a float type");
    else
      return static_cast<T>(v);
  });
}

unsigned bits_of(DType type) { return type == DType::bool_ ? 1u : 8u * static_cast<unsigned>(size_of(type)); }

// The value as an unsigned number of its own width.
Word unsigned_of(std::int64_t v, DType type) {
  const unsigned bits = bits_of(type);
  return bits == 64 ? static_cast<Word>(v) : static_cast<Word>(v) & ((Word{1} << bits) - 1);
}

// Dividing the most negative number by -1 wraps to itself.
std::int64_t floordiv(std::int64_t a, std::int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<std::int64_t>(-static_cast<Word>(a));
  return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

std::int64_t integer_op(ScalarOp op, DType type, std::span<const Lane> args) {
  const std::int64_t a = args[0].integer;
  const std::int64_t b = args.size() > 1 ? args[1].integer : 0;
  const Word ua = static_cast<Word>(a), ub = static_cast<Word>(b);
  const unsigned shift = static_cast<unsigned>(ub & (bits_of(type) - 1));
  switch (op) {
    case ScalarOp::add:
      return static_cast<std::int64_t>(ua + ub);
    case ScalarOp::sub:
      return static_cast<std::int64_t>(ua - ub);
    case ScalarOp::mul:
    case ScalarOp::strong_mul:
      return static_cast<std::int64_t>(ua * ub);
    case ScalarOp::floordiv:
      return floordiv(a, b);
    case ScalarOp::mod:
      return b == 0 ? 0 : static_cast<std::int64_t>(ua - static_cast<Word>(floordiv(a, b)) * ub);
    case ScalarOp::neg:
      return static_cast<std::int64_t>(-ua);
    case ScalarOp::abs:
      return a < 0 ? static_cast<std::int64_t>(-ua) : a;
    case ScalarOp::min:
      return std::min(a, b);
    case ScalarOp::max:
      return std::max(a, b);
    case ScalarOp::bit_and:
      return a & b;
    case ScalarOp::bit_or:
      return a | b;
    case ScalarOp::bit_xor:
      return a ^ b;
    case ScalarOp::bit_not:
      return type == DType::bool_ ? a ^ 1 : ~a;
    case ScalarOp::shl:
      return static_cast<std::int64_t>(ua << shift);
    case ScalarOp::shr:
      return static_cast<std::int64_t>(unsigned_of(a, type) >> shift);
    case ScalarOp::philox:
      return static_cast<std::int64_t>(philox(ua, ub, static_cast<Word>(args[2].integer)));
    default:
      throw InternalError("evaluate: " + std::string(name_of(op)) + " of integers");
  }
}

double real_op(ScalarOp op, std::span<const Lane> args) {
  const double a = args[0].real;
  const double b = args.size() > 1 ? args[1].real : 0;
  switch (op) {
    case ScalarOp::add:
      return a + b;
    case ScalarOp::sub:
      return a - b;
    case ScalarOp::mul:
      return a * b;
    case ScalarOp::div:
      return a / b;
    case ScalarOp::fma:
      return std::fma(a, b, args[2].real);
    case ScalarOp::strong_mul:
      return a == 0 ? 0 : a * b;
    case ScalarOp::floordiv:
      return std::floor(a / b);
    case ScalarOp::mod:
      return a - std::floor(a / b) * b;
    case ScalarOp::neg:
      return -a;
    case ScalarOp::abs:
      return std::fabs(a);
    case ScalarOp::min:
      return std::isnan(a) || a < b ? a : b;
    case ScalarOp::max:
      return std::isnan(a) || a > b ? a : b;
    case ScalarOp::sqrt:
      return std::sqrt(a);
    case ScalarOp::floor:
      return std::floor(a);
    case ScalarOp::ceil:
      return std::ceil(a);
    case ScalarOp::trunc:
      return std::trunc(a);
    case ScalarOp::round:
      return std::nearbyint(a);
    case ScalarOp::exp:
      return std::exp(a);
    case ScalarOp::expm1:
      return std::expm1(a);
    case ScalarOp::log:
      return std::log(a);
    case ScalarOp::log1p:
      return std::log1p(a);
    case ScalarOp::tanh:
      return std::tanh(a);
    case ScalarOp::sigmoid:
      return 1 / (1 + std::exp(-a));
    case ScalarOp::softplus:
      return a > 0 ? a + std::log1p(std::exp(-a)) : std::log1p(std::exp(a));
    case ScalarOp::erf:
      return std::erf(a);
    case ScalarOp::sin:
      return std::sin(a);
    case ScalarOp::cos:
      return std::cos(a);
    case ScalarOp::exp2:
      return std::exp2(a);
    case ScalarOp::log2:
      return std::log2(a);
    case ScalarOp::log10:
      return std::log10(a);
    case ScalarOp::erfc:
      return std::erfc(a);
    case ScalarOp::erfinv:
      return static_cast<double>(erfinv(a));
    case ScalarOp::lgamma:
      return kernel::lgamma(a);
    case ScalarOp::digamma:
      return static_cast<double>(digamma(a));
    case ScalarOp::tan:
      return std::tan(a);
    case ScalarOp::atan:
      return std::atan(a);
    case ScalarOp::atan2:
      return std::atan2(a, b);
    case ScalarOp::pow:
      return std::pow(a, b);
    default:
      throw InternalError("evaluate: " + std::string(name_of(op)) + " of floats");
  }
}

template <class T>
bool compare(ScalarOp op, T a, T b) {
  switch (op) {
    case ScalarOp::lt:
      return a < b;
    case ScalarOp::le:
      return a <= b;
    case ScalarOp::eq:
      return a == b;
    case ScalarOp::ne:
      return a != b;
    default:
      throw InternalError("evaluate: " + std::string(name_of(op)) + " is not a comparison");
  }
}

std::int64_t saturate(double v, DType type) {
  return dispatch(type, [&](auto t) -> std::int64_t {
    using T = typename decltype(t)::type;
    using Limits = std::numeric_limits<T>;
    if (v != v) return 0;
    if (v <= static_cast<double>(Limits::lowest())) return static_cast<std::int64_t>(Limits::lowest());
    if (v >= static_cast<double>(Limits::max())) return static_cast<std::int64_t>(Limits::max());
    return static_cast<std::int64_t>(v);
  });
}

Lane cast(DType result, DType operand, Lane a) {
  const bool from_float = is_floating(operand);
  if (result == DType::bool_) return {.integer = from_float ? a.real != 0 : a.integer != 0};
  if (!is_floating(result)) return {.integer = from_float ? saturate(a.real, result) : wrap(a.integer, result)};
  if (result == DType::f64 || result == operand) return {.real = from_float ? a.real : static_cast<double>(a.integer)};
  return {.real = rounded_to(result, from_float ? a.real : static_cast<float>(a.integer))};
}

Lane bitcast(DType result, DType operand, Lane a) {
  std::int64_t bits = a.integer;
  if (operand == DType::f32) bits = std::bit_cast<std::int32_t>(static_cast<float>(a.real));
  if (operand == DType::f64) bits = std::bit_cast<std::int64_t>(a.real);
  if (result == DType::f32) return {.real = std::bit_cast<float>(static_cast<std::int32_t>(bits))};
  if (result == DType::f64) return {.real = std::bit_cast<double>(bits)};
  return {.integer = wrap(bits, result)};
}

}  // namespace

Lane evaluate(ScalarOp op, DType result, DType operand, std::span<const Lane> args) {
  BITALE_ASSERT(arity_of(op) > 0 && static_cast<int>(args.size()) == arity_of(op), std::string(name_of(op)));
  const bool real = is_floating(operand);
  if (op == ScalarOp::select) return args[0].integer ? args[1] : args[2];
  if (op == ScalarOp::cast) return cast(result, operand, args[0]);
  if (op == ScalarOp::bitcast) return bitcast(result, operand, args[0]);
  if (rule_of(op) == TypeRule::boolean)
    return {.integer = real ? compare(op, args[0].real, args[1].real) : compare(op, args[0].integer, args[1].integer)};
  if (real) return {.real = real_op(op, args)};
  return {.integer = wrap(integer_op(op, operand, args), result)};
}

}  // namespace bitale::kernel
