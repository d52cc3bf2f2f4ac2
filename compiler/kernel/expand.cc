#include "compiler/kernel/expand.h"

#include <vector>

#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel {
namespace expansion {

Expr Expr::constant(double value) const { return {emitter, emitter->constant(value, type), type}; }
Expr Expr::integer(std::int64_t value) const { return {emitter, emitter->integer(value, type), type}; }

Expr emit(ScalarOp op, DType type, std::initializer_list<Expr> args) {
  Emitter::Handle handles[3];
  std::size_t n = 0;
  for (const Expr& arg : args) handles[n++] = arg.handle;
  Emitter* emitter = args.begin()->emitter;
  return {emitter, emitter->emit(op, type, {handles, n}), type};
}

Expr operator+(Expr a, Expr b) { return emit(ScalarOp::add, a.type, {a, b}); }
Expr operator-(Expr a, Expr b) { return emit(ScalarOp::sub, a.type, {a, b}); }
Expr operator*(Expr a, Expr b) { return emit(ScalarOp::mul, a.type, {a, b}); }
Expr operator/(Expr a, Expr b) { return emit(ScalarOp::div, a.type, {a, b}); }
Expr operator-(Expr a) { return emit(ScalarOp::neg, a.type, {a}); }
Expr operator&(Expr a, Expr b) { return emit(ScalarOp::bit_and, a.type, {a, b}); }
Expr operator|(Expr a, Expr b) { return emit(ScalarOp::bit_or, a.type, {a, b}); }
Expr operator^(Expr a, Expr b) { return emit(ScalarOp::bit_xor, a.type, {a, b}); }
Expr operator<<(Expr a, int amount) { return emit(ScalarOp::shl, a.type, {a, a.integer(amount)}); }
Expr operator>>(Expr a, int amount) { return emit(ScalarOp::shr, a.type, {a, a.integer(amount)}); }
Expr fma(Expr a, Expr b, Expr c) { return emit(ScalarOp::fma, a.type, {a, b, c}); }
Expr sqrt(Expr a) { return emit(ScalarOp::sqrt, a.type, {a}); }
Expr abs(Expr a) { return emit(ScalarOp::abs, a.type, {a}); }
Expr floor(Expr a) { return emit(ScalarOp::floor, a.type, {a}); }
Expr less(Expr a, Expr b) { return emit(ScalarOp::lt, DType::bool_, {a, b}); }
Expr equal(Expr a, Expr b) { return emit(ScalarOp::eq, DType::bool_, {a, b}); }
Expr select(Expr condition, Expr a, Expr b) { return emit(ScalarOp::select, a.type, {condition, a, b}); }
Expr cast(Expr a, DType type) { return emit(ScalarOp::cast, type, {a}); }

Expr bits(Expr a) { return emit(ScalarOp::bitcast, a.wide() ? DType::i64 : DType::i32, {a}); }
Expr from_bits(Expr a) { return emit(ScalarOp::bitcast, a.type == DType::i64 ? DType::f64 : DType::f32, {a}); }

Expr with_sign_of(Expr a, Expr sign) {
  const Expr s = bits(sign);
  const std::int64_t mask = sign.wide() ? INT64_MIN : INT32_MIN;
  return from_bits(bits(a) | (s & s.integer(mask)));
}

Expr polynomial(Expr x, std::span<const double> c) {
  Expr sum = x.constant(c.back());
  for (std::size_t i = c.size() - 1; i-- > 0;) sum = fma(x, sum, x.constant(c[i]));
  return sum;
}

Expr at_most(Expr x, double high) {
  const Expr bound = x.constant(high);
  return select(less(bound, x), bound, x);
}

Expr at_least(Expr x, double low) {
  const Expr bound = x.constant(low);
  return select(less(x, bound), bound, x);
}

Exprs rarely(const char* name, Expr condition, const Exprs& common, const Exprs& args,
             Exprs (*rare)(const Exprs& args)) {
  using Handles = std::vector<Emitter::Handle>;
  const auto handles = [](const Exprs& list) {
    Handles out;
    for (const Expr& e : list) out.push_back(e.handle);
    return out;
  };
  const auto exprs = [](Emitter& emitter, std::span<const Emitter::Handle> list) {
    Exprs out;
    for (const Emitter::Handle h : list) out.push_back({&emitter, h, emitter.type_of(h)});
    return out;
  };
  Emitter& emitter = *condition.emitter;
  const Handles values = emitter.rarely(condition.handle, handles(common), handles(args),
                                        {name, [&](Emitter& inside, std::span<const Emitter::Handle> given) {
                                           return handles(rare(exprs(inside, given)));
                                         }});
  return exprs(emitter, values);
}

// n + constant + bias has n + bias in its low bits; the shift into the exponent drops all others.
Expr scale_by_power(Expr x, Expr n, Scale scale) {
  if (x.emitter->scales()) return {x.emitter, x.emitter->scale_by_power(x.handle, n.handle), x.type};
  const double magic = rounding_constant(x.type);
  const int bias = exponent_bias(x.type);
  const int fraction = fraction_bits(x.type);
  switch (scale) {
    case Scale::down: {
      const int by = (bias + 1) / 2;  // first a normal number, then rounded once
      const double down = x.wide() ? 0x1p-512 : 0x1p-64;
      return (x * from_bits(bits(n + (magic + bias + by)) << fraction)) * down;
    }
    case Scale::full:
      return {x.emitter, x.emitter->scale_by_power(x.handle, n.handle), x.type};
  }
  throw InternalError("scale_by_power: range out of range");
}

Expr power_of_two(Expr n, int more) {
  if (n.emitter->scales()) return scale_by_power(n.constant(more < 0 ? 0.5 : 1), n, Scale::full);
  return from_bits(bits(n + (rounding_constant(n.type) + exponent_bias(n.type) + more)) << fraction_bits(n.type));
}

}  // namespace expansion

// Two factors, 2^floor(n/2) and the rest: the first product is normal, the second one is rounded once. With both biases
// added, the sum is positive, and shifting it right by one halves n and drops into the upper bits what the shift to the
// exponent drops.
Emitter::Handle Emitter::scale_by_power(Handle x, Handle n) {
  using namespace expansion;
  const Expr value{this, x, type_of(x)};
  const Expr power{this, n, value.type};
  const int fraction = fraction_bits(value.type);
  const Expr both = bits(power + (rounding_constant(value.type) + 2 * exponent_bias(value.type)));
  const Expr half = both >> 1;
  return (value * from_bits(half << fraction) * from_bits((both - half) << fraction)).handle;
}

std::vector<Emitter::Handle> Emitter::rarely(Handle condition, const std::vector<Handle>& common,
                                             const std::vector<Handle>& args, const Rare& rare) {
  std::vector<Handle> out = rare.emit(*this, args);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Handle choice[] = {condition, out[i], common[i]};
    out[i] = emit(ScalarOp::select, type_of(common[i]), choice);
  }
  return out;
}

Emitter::Handle expand(Emitter& emitter, ScalarOp op, std::span<const Emitter::Handle> args) {
  BITALE_ASSERT(static_cast<int>(args.size()) == arity_of(op) && !args.empty(), std::string(name_of(op)));
  const auto arg = [&](std::size_t i) { return expansion::Expr{&emitter, args[i], emitter.type_of(args[i])}; };
  const expansion::Expr x = arg(0);
  switch (op) {
    case ScalarOp::exp:
      return expansion::exp(x).handle;
    case ScalarOp::expm1:
      return expansion::expm1(x).handle;
    case ScalarOp::log:
      return expansion::log(x).handle;
    case ScalarOp::log1p:
      return expansion::log1p(x).handle;
    case ScalarOp::tanh:
      return expansion::tanh(x).handle;
    case ScalarOp::sigmoid:
      return expansion::sigmoid(x).handle;
    case ScalarOp::softplus:
      return expansion::softplus(x).handle;
    case ScalarOp::erf:
      return expansion::erf(x).handle;
    case ScalarOp::sin:
      return expansion::sin(x).handle;
    case ScalarOp::cos:
      return expansion::cos(x).handle;
    case ScalarOp::exp2:
      return expansion::exp2(x).handle;
    case ScalarOp::log2:
      return expansion::log2(x).handle;
    case ScalarOp::log10:
      return expansion::log10(x).handle;
    case ScalarOp::erfc:
      return expansion::erfc(x).handle;
    case ScalarOp::erfinv:
      return expansion::erfinv(x).handle;
    case ScalarOp::lgamma:
      return expansion::lgamma(x).handle;
    case ScalarOp::digamma:
      return expansion::digamma(x).handle;
    case ScalarOp::tan:
      return expansion::tan(x).handle;
    case ScalarOp::atan:
      return expansion::atan(x).handle;
    case ScalarOp::atan2:
      return expansion::atan2(x, arg(1)).handle;
    case ScalarOp::pow:
      return expansion::pow(x, arg(1)).handle;
    case ScalarOp::philox:
      return expansion::philox(x, arg(1), arg(2)).handle;
    default:
      throw InternalError("expand: " + std::string(name_of(op)) + " does not expand");
  }
}

}  // namespace bitale::kernel
