// exp, exp2, expm1, tanh, sigmoid, softplus: x = n ln 2 + r, a polynomial in r, and 2^n put together with it.
#include <span>
#include <vector>

#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

constexpr double log2_e = 1.4426950408889634;

// What the result is past these is the same as at them: exp gives 0 and infinity.
double highest_exp(DType type) { return type == DType::f64 ? 710 : 89; }

// t q(t r) for expm1(r) = r + r^2 q(r), so that expm1(t r) / t = r + r^2 (the result).
Expr expm1_tail(Expr r, double t) {
  constexpr double narrow[] = {0.49999997, 0.166665465, 0.0416674353, 0.00836627837, 0.00138709543};
  constexpr double wide[] = {0.5,
                             0.16666666666666677,
                             0.041666666666666678,
                             0.008333333333321747,
                             0.0013888888888896507,
                             0.00019841269885541993,
                             2.4801587275246708e-05,
                             2.7557244895446709e-06,
                             2.7557331247428183e-07,
                             2.5108792001491595e-08,
                             2.0893794954558981e-09};
  std::vector<double> scaled;
  double power = t;
  for (const double c : r.wide() ? std::span<const double>(wide) : std::span<const double>(narrow)) {
    scaled.push_back(c * power);
    power *= t;
  }
  return polynomial(r, scaled);
}

}  // namespace

Reduced reduce_exp(Expr x, int parts, double t) {
  const double magic = rounding_constant(x.type);
  const Expr n = fma(x, log2_e * t, magic) - magic;
  if (parts == 1) return {n, fma(n, -0.6931471805599453 / t, x)};
  const Expr r = fma(n, -ln2_low(x.type) / t, fma(n, -ln2_high(x.type) / t, x));
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

Expr expm1_of_reduced(Expr r, double t) { return fma(r * r, expm1_tail(r, t), r); }

Expr exp_of_negative(Expr x) {
  const Reduced x2 = reduce_exp(at_least(x, lowest_exp(x.type)));
  return scale_by_power(exp_of_reduced(x2.r), x2.n, Scale::down);
}

Expr exp(Expr x) {
  const Reduced x2 = reduce_exp(at_least(at_most(x, highest_exp(x.type)), lowest_exp(x.type)));
  return scale_by_power(exp_of_reduced(x2.r), x2.n, Scale::full);
}

Expr exp2(Expr x) {
  const double magic = rounding_constant(x.type);
  const Expr bounded = at_least(at_most(x, x.wide() ? 1025 : 129), x.wide() ? -1080 : -155);
  const Expr n = (bounded + magic) - magic;
  return scale_by_power(exp_of_reduced((bounded - n) * 0.6931471805599453), n, Scale::full);
}

// 2^n p + (2^n - 1), at half its size so that 2^n does not overflow; tiny x, where halves may be lost, is its own
// result.
Expr expm1(Expr x) {
  const Reduced x2 = reduce_exp(at_least(at_most(x, highest_exp(x.type)), x.wide() ? -40 : -20));
  const Expr half_power = power_of_two(x2.n, -1);
  const Expr half = fma(half_power, expm1_of_reduced(x2.r), half_power - 0.5);
  return select(less(abs(x), x.constant(x.wide() ? 0x1p-54 : 0x1p-25)), x, half + half);
}

// h / (h + 1) for h = expm1(2y) / 2: never above 1.
Expr tanh_of_positive(Expr y) {
  const Reduced y2 = reduce_exp(y, y.emitter->fuses() ? 1 : 2, 2);
  const Expr power = power_of_two(y2.n, 0);
  const Expr h = fma(power, expm1_of_reduced(y2.r, 2), fma(power, 0.5, -0.5));
  return h / (h + 1);
}

Expr tanh(Expr x) { return with_sign_of(tanh_of_positive(at_most(abs(x), x.wide() ? 20 : 10)), x); }

// 1 / (1 + exp(-x)) with the exponential of -|x|, which does not overflow: exp(x) / (1 + exp(x)) for negative x.
Expr sigmoid(Expr x) {
  const Expr e = exp_of_negative(-abs(x));
  return select(less(x, x.constant(0)), e, x.constant(1)) / (e + 1);
}

Expr softplus(Expr x) { return at_least(x, 0) + log1p_of_unit(exp_of_negative(-abs(x))); }

}  // namespace bitale::kernel::expansion
