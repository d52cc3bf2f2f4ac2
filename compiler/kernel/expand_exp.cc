// exp, expm1, tanh, sigmoid, softplus: x = n ln 2 + r, a polynomial in r, and 2^n put together with it.
#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

constexpr double log2_e = 1.4426950408889634;

// What the result is past these is the same as at them: exp gives 0 and infinity.
double lowest_exp(DType type) { return type == DType::f64 ? -746 : -104; }
double highest_exp(DType type) { return type == DType::f64 ? 710 : 89; }

// (expm1(r) / r - 1) / r
Expr expm1_tail(Expr r) {
  if (r.wide())
    return polynomial(r, {0.5, 0.16666666666666677, 0.041666666666666678, 0.008333333333321747, 0.0013888888888896507,
                          0.00019841269885541993, 2.4801587275246708e-05, 2.7557244895446709e-06,
                          2.7557331247428183e-07, 2.5108792001491595e-08, 2.0893794954558981e-09});
  return polynomial(r, {0.49999997, 0.166665465, 0.0416674353, 0.00836627837, 0.00138709543});
}

}  // namespace

Reduced reduce_exp(Expr x, int parts) {
  const double magic = rounding_constant(x.type);
  const Expr n = fma(x, log2_e, magic) - magic;
  if (parts == 1) return {n, fma(n, -0.6931471805599453, x)};
  const Expr r = fma(n, -ln2_low(x.type), fma(n, -ln2_high(x.type), x));
  return {n, r};
}

Reduced reduce_exp(Expr x, Expr low) {
  const double magic = rounding_constant(x.type);
  const Expr n = fma(x, log2_e, magic) - magic;
  return {n, fma(n, -ln2_high(x.type), x) + fma(n, -ln2_low(x.type), low)};
}

Expr exp_of_reduced(Expr r) {
  if (r.wide())
    return polynomial(r, {1, 1, 0.50000000000000111, 0.16666666666666446, 0.041666666666527755, 0.0083333333334792547,
                          0.0013888888944115735, 0.00019841269531522049, 2.4801492649070388e-05, 2.7557568380340303e-06,
                          2.7630404694723956e-07, 2.5004914716026388e-08});
  return polynomial(r, {1, 1, 0.49999994, 0.166665211, 0.041668281, 0.00836869888, 0.0013819153});
}

Expr expm1_of_reduced(Expr r) { return fma(r * r, expm1_tail(r), r); }

Expr exp_of_negative(Expr x) {
  const Reduced x2 = reduce_exp(at_least(x, lowest_exp(x.type)));
  return scale_by_power(exp_of_reduced(x2.r), x2.n, Scale::down);
}

Expr exp(Expr x) {
  const Reduced x2 = reduce_exp(at_least(at_most(x, highest_exp(x.type)), lowest_exp(x.type)));
  return scale_by_power(exp_of_reduced(x2.r), x2.n, Scale::full);
}

// 2^n p + (2^n - 1), at half its size so that 2^n does not overflow; tiny x, where halves may be lost, is its own
// result.
Expr expm1(Expr x) {
  const Reduced x2 = reduce_exp(at_least(at_most(x, highest_exp(x.type)), x.wide() ? -40 : -20));
  const Expr half_power = power_of_two(x2.n, -1);
  const Expr half = fma(half_power, expm1_of_reduced(x2.r), half_power - 0.5);
  return select(less(abs(x), x.constant(x.wide() ? 0x1p-54 : 0x1p-25)), x, half + half);
}

// m / (m + 2) for m = expm1(y), which is never below -1: the magnitude of the quotient is never above 1.
Expr tanh_of_half(Expr y) {
  const Reduced y2 = reduce_exp(y, y.emitter->fuses() ? 1 : 2);
  const Expr power = power_of_two(y2.n, 0);
  const Expr m = fma(power, expm1_of_reduced(y2.r), power - 1);
  return m / (m + 2);
}

Expr tanh(Expr x) {
  const double limit = x.wide() ? 20 : 10;
  const Expr y = at_least(at_most(x, limit), -limit);
  return with_sign_of(tanh_of_half(y + y), x);
}

// 1 / (1 + exp(-x)) with the exponential of -|x|, which does not overflow: exp(x) / (1 + exp(x)) for negative x.
Expr sigmoid(Expr x) {
  const Expr e = exp_of_negative(-abs(x));
  return select(less(x, x.constant(0)), e, x.constant(1)) / (e + 1);
}

Expr softplus(Expr x) { return at_least(x, 0) + log1p_of_unit(exp_of_negative(-abs(x))); }

}  // namespace bitale::kernel::expansion
