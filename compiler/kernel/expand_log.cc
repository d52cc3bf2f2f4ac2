// log, log2, log10 and log1p: u = 2^k (1 + f), a polynomial in f, and k ln 2 added in two parts.
#include <limits>

#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

// The bits of the square root of 1/2, rounded down: mantissas are taken from there to twice it.
std::int64_t half_root_bits(DType type) { return type == DType::f64 ? 0x3fe6a09e667f3bcc : 0x3f3504f3; }
std::int64_t one_bits(DType type) { return type == DType::f64 ? 0x3ff0000000000000 : 0x3f800000; }

// log(1 + f) - f; wide: f - f^2/2 + s (f^2/2 + R) with s = f / (2 + f) is the form of fdlibm's e_log.c.
Expr log_tail(Expr f) {
  const Expr z = f * f;
  if (!f.wide()) {
    const Expr p = polynomial(f, {0.333333135, -0.250000089, 0.200020716, -0.166679889, 0.142203599, -0.124062411,
                                  0.118835479, -0.11669983, 0.0674903095});
    return fma(z, -0.5, z * f * p);
  }
  const Expr s = f / (f + 2);
  const Expr w = s * s;
  const Expr r = w * polynomial(w, {0.6666666666666734, 0.39999999999417046, 0.28571428741894928, 0.22222198621095354,
                                    0.18183561946994428, 0.15314109139015836, 0.14795381643077724});
  const Expr half = z * 0.5;
  return s * (half + r) - half;
}

// The values of log at 0, below, at infinity and NaN, by its argument.
Expr with_limits(Expr log, Expr u) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Expr zero = u.constant(0);
  const Expr low = select(equal(u, zero), u.constant(-infinity), u.constant(std::numeric_limits<double>::quiet_NaN()));
  const Expr right = select(less(zero, u), log, low);
  return select(less(u, u.constant(infinity)), right, u);
}

}  // namespace

// The exponent e is read as a float by putting it below the fraction of 2^(size of the fraction).
Split split_exponent(Expr u) {
  const int fraction = fraction_bits(u.type);
  const std::int64_t low_bits = (std::int64_t{1} << fraction) - 1;
  const double unit = u.wide() ? 0x1p52 : 0x1p23;
  const Expr b = bits(u);
  const Expr moved = b + b.integer(one_bits(u.type) - half_root_bits(u.type));
  const Expr e = moved >> fraction;
  const std::int64_t unit_bits = u.wide() ? 0x4330000000000000 : 0x4b000000;
  const Expr negative_k = (unit + exponent_bias(u.type)) - from_bits(e | e.integer(unit_bits));
  const Expr m = from_bits((moved & b.integer(low_bits)) + b.integer(half_root_bits(u.type)));
  const Expr inverse =
      from_bits(b.integer((std::int64_t{2} * exponent_bias(u.type) + 1) << fraction) - (e << fraction));
  return {negative_k, m - 1, inverse};
}

// All products with negative_k = +0 are -0, so that the sign of f = -0 survives.
Expr log_of_split(Expr negative_k, Expr f) {
  const Expr low = fma(negative_k, -ln2_low(f.type), log_tail(f));
  return fma(negative_k, -ln2_high(f.type), f + low);
}

namespace {

// Denormals are scaled up first.
Split split_any(Expr x) {
  const int by = x.wide() ? 54 : 25;
  const Expr denormal = less(x, x.constant(x.wide() ? 0x1p-1022 : 0x1p-126));
  Split u = split_exponent(select(denormal, x * (x.wide() ? 0x1p54 : 0x1p25), x));
  u.negative_k = u.negative_k + select(denormal, x.constant(by), x.constant(0));
  return u;
}

// A number in two parts.
struct Parts {
  double high, low;
};

// The logarithm to another base from that of 2 (the product of its high part with an exponent is exact) and that of e,
// both to this base. The product of f with the latter is kept in two parts where fma rounds once.
Expr log_to_base(Expr x, Parts of_two, Parts of_e) {
  const Split u = split_any(x);
  const Expr product = u.f * of_e.high;
  const Expr rest = fma(u.f, of_e.high, -product);
  const Expr low = fma(u.f, of_e.low, fma(log_tail(u.f), of_e.high, fma(u.negative_k, -of_two.low, rest)));
  return with_limits(fma(u.negative_k, -of_two.high, product + low), x);
}

}  // namespace

Expr log(Expr x) {
  const Split u = split_any(x);
  return with_limits(log_of_split(u.negative_k, u.f), x);
}

Expr log2(Expr x) {
  const Parts of_e =
      x.wide() ? Parts{1.4426950408889634, 2.0355273740931033e-17} : Parts{1.4426950216293335, 1.9259629911266175e-08};
  return log_to_base(x, {1, 0}, of_e);
}

Expr log10(Expr x) {
  if (x.wide())
    return log_to_base(x, {0.30102999566395283, 2.8363394551044964e-14}, {0.43429448190325182, 1.0983196502167651e-17});
  return log_to_base(x, {0.30103302001953125, -3.0243555500547862e-06}, {0.43429449200630188, -1.0103050052231683e-08});
}

// u = 1 + x and the rounding error c of this sum: log1p(x) = k ln 2 + log(1 + f + c / 2^k).
Expr log1p(Expr x) {
  const Expr u = x + 1;
  const Expr back = u - 1;
  const Expr c = (1 - (u - back)) + (x - back);
  const Split s = split_exponent(u);
  const Expr f = select(equal(s.negative_k, x.constant(0)), x, fma(c * 0.5, s.inverse_power, s.f));
  return with_limits(log_of_split(s.negative_k, f), u);
}

// 2 atanh(s) for s = e / (2 + e): one formula for all of [0, 1].
Expr log1p_of_unit(Expr e) {
  const Expr s = e / (e + 2);
  const Expr z = s * s;
  const Expr tail =
      e.wide() ? polynomial(z, {0.66666666666666308, 0.40000000000155911, 0.28571428548010463, 0.22222223960734444,
                                0.18181744216688078, 0.15386554137778843, 0.13301045869767075, 0.12105527924696285,
                                0.083425405663027807, 0.17013970750347188})
               : polynomial(z, {0.666664183, 0.400214374, 0.28003028, 0.280066401});
  return fma(s * z, tail, s + s);
}

}  // namespace bitale::kernel::expansion
