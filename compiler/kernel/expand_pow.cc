// pow(x, y) = exp(y log |x|) and the special values of C's Annex F. The product may be in the hundreds, so that its
// error must be far below an ulp: float32 goes through float64, and float64 keeps the logarithm as an unevaluated sum
// of two numbers (Dekker 1971).
#include <limits>

#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

struct Pair {
  Expr high, low;
};

// The upper 26 bits of the fraction.
Expr upper(Expr a) { return from_bits(bits(a) & bits(a).integer(~std::int64_t{0x7ffffff})); }

Pair exact_product(Expr a, Expr b) {
  const Expr product = a * b;
  if (a.emitter->fuses()) return {product, fma(a, b, -product)};
  const Expr ah = upper(a), bh = upper(b), al = a - ah, bl = b - bh;
  return {product, al * bl - (((product - ah * bh) - al * bh) - ah * bl)};
}

// For |a| >= |b| or a = 0.
Pair exact_sum(Expr a, Expr b) {
  const Expr sum = a + b;
  return {sum, b - (sum - a)};
}

Pair operator*(Pair a, Pair b) {
  const Pair p = exact_product(a.high, b.high);
  return {p.high, p.low + (a.high * b.low + a.low * b.high)};
}

// f / (2 + f): a quotient and the correction from what it leaves.
Pair half_slope(Expr f) {
  const Pair d = exact_sum(f.constant(2), f);
  const Expr inverse = f.constant(1) / d.high;
  const Expr s = f * inverse;
  const Pair back = exact_product(s, d.high);
  return {s, (((f - back.high) - back.low) - s * d.low) * inverse};
}

// log(1 + f) = 2s + s^3 (2/3 + 2/5 s^2 + ...) for s = f / (2 + f); only the terms from 2/5 on are small enough to be
// rounded.
Pair log_pair(Expr negative_k, Expr f) {
  const Pair s = half_slope(f);
  const Pair z = s * s;
  const Expr tail =
      z.high * polynomial(z.high, {0.4000000000000225, 0.28571428570102186, 0.22222222519456877, 0.18181784408222873,
                                   0.1538675542092994, 0.13256862571623854, 0.13195910269013497});
  const double two_thirds = 0.66666666666666663;
  Pair w = exact_sum(f.constant(two_thirds), tail);
  w.low = w.low + 3.700743415417188e-17;  // 2/3 less its first part
  const Pair cubic = s * (z * w);
  const Pair m = exact_sum(s.high + s.high, cubic.high);
  const Pair sum = exact_sum(negative_k * -ln2_high(f.type), m.high);
  const Expr low = ((s.low + s.low) + cubic.low) + m.low;
  return {sum.high, sum.low + fma(negative_k, -ln2_low(f.type), low)};
}

Expr wide_pow(Expr a, Expr y) {
  const Expr denormal = less(a, a.constant(0x1p-1022));
  const Split u = split_exponent(select(denormal, a * 0x1p54, a));
  const Pair log = log_pair(u.negative_k + select(denormal, a.constant(54), a.constant(0)), u.f);
  const Pair p = exact_product(y, log.high);
  const double limit = 1100;  // past which exp is 0 or infinity; the low part of an infinite product is NaN
  const Expr low = select(less(abs(p.high), a.constant(limit)), fma(y, log.low, p.low), a.constant(0));
  const Reduced r = reduce_exp(at_least(at_most(p.high, limit), -limit), low);
  return scale_by_power(exp_of_reduced(r.r), r.n, Scale::full);
}

// In float64, to 2^-34, and rounded to float32 once. Numbers stay far from float64's limits.
Expr narrow_pow(Expr a, Expr y) {
  const Split u = split_exponent(cast(a, DType::f64));
  const Expr f = u.f;
  const Expr z = f * f;
  const Expr p = polynomial(f, {0.33333333892262124, -0.24999997077064265, 0.19999911271587154, -0.16666855049026572,
                                0.1429017367273652, -0.12498287184382129, 0.11014804257750109, -0.09924546124493662,
                                0.0998839870096421, -0.098630154996455666, 0.053868890447460425});
  const Expr log = fma(u.negative_k, -0.6931471805599453, fma(z, -0.5, fma(z * f, p, f)));
  const Expr product = cast(y, DType::f64) * log;
  const Reduced r = reduce_exp(at_least(at_most(product, 150), -150), 1);
  const Expr e = polynomial(r.r, {1, 1.0000000002108902, 0.50000000778020981, 0.16666665150828217, 0.04166627030806578,
                                  0.0083335704102137018, 0.0013946057604726887, 0.00019767492719551926});
  return cast(e * power_of_two(r.n, 0), DType::f32);
}

}  // namespace

Expr pow(Expr x, Expr y) {
  const Expr zero = x.constant(0), one = x.constant(1), infinity = x.constant(std::numeric_limits<double>::infinity());
  const Expr nan = x.constant(std::numeric_limits<double>::quiet_NaN());
  const Expr a = abs(x);
  const Expr falls = less(y, zero);
  const Expr infinite = equal(a, infinity);
  Expr r = x.wide() ? wide_pow(a, y) : narrow_pow(a, y);
  r = select(equal(a, zero), select(falls, infinity, zero), select(infinite, select(falls, zero, infinity), r));
  r = select(equal(a, one), one, r);

  const Expr half = y * 0.5;
  const Expr integral = equal(floor(y), y);
  const Expr sign = bits(x) & bits(x).integer(x.wide() ? INT64_MIN : INT32_MIN);
  const Expr negated = from_bits(bits(r) ^ sign);
  const Expr of_integral = select(equal(floor(half), half), r, negated);
  r = select(integral, of_integral, select(less(x, zero), select(infinite, r, nan), r));

  r = select(equal(x, x), select(equal(y, y), r, y), x);
  return select(equal(y, zero), one, select(equal(x, one), one, r));
}

}  // namespace bitale::kernel::expansion
