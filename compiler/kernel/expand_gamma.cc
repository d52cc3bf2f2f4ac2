// lgamma and digamma: polynomials on an interval of length 1, recurrences to it, Stirling's series for large arguments,
// and reflection for negative ones.
#include <limits>

#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

constexpr double inverse_pi = 0.31830988618379069;
constexpr double pi = 3.141592653589793;

// lgamma(2 + t) / t for |t| <= 1/2.
Expr lgamma_slope(Expr t) {
  if (!t.wide())
    return polynomial(t, {0.422784328, 0.322467029, -0.0673514754, 0.020581346, -0.00740183052, 0.00288046594,
                          -0.00108849758, 0.000568041578, -0.000443114346});
  return polynomial(t, {0.42278433509846713, 0.3224670334241132, -0.067352301053196173, 0.020580808427777049,
                        -0.0073855510288850755, 0.0028905103314372264, -0.0011927539025858899, 0.00050966950238928472,
                        -0.00022315495333935783, 9.9457870890215026e-05, -4.49239267323713e-05, 2.050397740118942e-05,
                        -9.4553742022222245e-06, 4.3920276410509281e-06, -1.9765048157929908e-06,
                        9.0267290343080722e-07, -5.7898130863439501e-07, 2.9556756843903884e-07});
}

// a (lgamma(a) - (a - 1/2) log a + a - log(2 pi) / 2) by w = 1 / a^2, a >= 8.
Expr stirling(Expr w) {
  if (!w.wide()) return polynomial(w, {0.0833333358, -0.00277897739, 0.000861337292});
  return polynomial(w, {0.083333333333333329, -0.0027777777777547924, 0.00079365077504122111, -0.00059523248640085613,
                        0.00084095623811933611, -0.001860776697372049, 0.0044276510048253991});
}

// For v >= 0. Below 8: from y in [1.5, 2.5], with lgamma(y) = (y - 2) slope(y - 2), up by log(y (y + 1)...) or down by
// log(v (v + 1)): near the zeros at 1 and 2 one of the terms is 0, elsewhere they hardly cancel.
Expr lgamma_of_positive(Expr v) {
  const Expr one = v.constant(1);
  Expr y = v, product = one;
  for (int i = 0; i < 6; ++i) {
    const Expr high = less(y.constant(2.5), y);
    const Expr below = y - 1;
    product = select(high, product * below, product);
    y = select(high, below, y);
  }
  const Expr tiny = less(v, v.constant(0.5)), low = less(v, v.constant(1.5)), far = less(v.constant(8), v);
  const Expr t = select(tiny, v, select(low, v - 1, y - 2));
  const Expr raised = select(tiny, v * (v + 1), select(low, v, product));
  const Expr logarithm = log(select(far, v, raised));
  const Expr near = fma(t, lgamma_slope(t), select(low, -logarithm, logarithm));
  const Expr inverse = one / v;
  const Expr rest = fma(stirling(inverse * inverse), inverse, v.constant(0.41893853320467273));  // log(2 pi) / 2 - 1/2
  return select(far, fma(v - 0.5, logarithm - 1, rest), near);
}

// digamma(v) / (v - its root) by t = v - 3/2, |t| <= 1/2.
Expr digamma_slope(Expr t) {
  if (!t.wide())
    return polynomial(t, {0.951055884, -0.423627436, 0.240541175, -0.148402765, 0.0950211734, -0.0619952567,
                          0.0404955484, -0.026124537, 0.0185573678, -0.0157578308, 0.00880840234});
  return polynomial(t, {0.95105587603183295,    -0.42362742128146053,    0.24054248424072897,   -0.14840492305389108,
                        0.094988724461098933,   -0.061922133275529721,   0.040760833488775003,  -0.026975796624676977,
                        0.017907261048339156,   -0.011908221541275773,   0.007926813486796155,  -0.0052799103753913435,
                        0.0035202200832554179,  -0.0023457765565327322,  0.0015496943779366144, -0.0010347049809245356,
                        0.00074725032050196641, -0.00049238371903721659, 0.0001816210397816982, -0.00013194450869053191,
                        0.00029659975591191155, -0.0001890284471237018});
}

// z^2 (log z - 1 / (2 z) - digamma(z)) by w = 1 / z^2, z >= 5.
Expr digamma_far(Expr w) {
  if (!w.wide()) return polynomial(w, {0.0833333284, -0.00833021849, 0.00374264619});
  return polynomial(w, {0.083333333333333148, -0.008333333332724192, 0.0039682536384798373, -0.0041665982582919621,
                        0.0075687072609683711, -0.020689157787903527, 0.069904291222845957, -0.18132708677320469});
}

// For v > 0: a polynomial times the distance from the root on [1, 2], to which [0, 1] is raised by 1/v and [2, 3] is
// lowered by 1/(v - 1); the series from 5 on, to which [3, 5] is raised by 1/v + 1/(v + 1) + 1/(v + 2).
Expr digamma_of_positive(Expr v) {
  const Expr zero = v.constant(0), one = v.constant(1);
  const Expr below = less(v, one), inside = less(v, v.constant(2)), near = less(v, v.constant(3));
  const Expr middle = less(v, v.constant(5));
  const Expr y = select(below, v + 1, select(inside, v, v - 1));
  const double root_high = v.wide() ? 1.4616321449683622 : 1.4616321325302124;
  const double root_low = v.wide() ? 9.5499954299656974e-17 : 1.2438149938918909e-08;
  const Expr from_root = ((y - root_high) - root_low) * digamma_slope(y - 1.5);

  const Expr z = select(middle, v + 3, v);
  const Expr inverse = one / z;
  const Expr series = log(z) - fma(inverse * inverse, digamma_far(inverse * inverse), inverse * 0.5);

  const Expr near_part = select(below, one, select(inside, zero, -one));
  const Expr sum = select(near, near_part, select(middle, fma(v, fma(v, 3, 6), v.constant(2)), zero));
  const Expr raised = sum / select(near, select(inside, v, y), v * (v + 1) * (v + 2));
  return select(near, from_root, series) - raised;
}

}  // namespace

// lgamma(x) = log(pi / |sin(pi x)|) - lgamma(1 - x) for negative x.
Expr lgamma(Expr x) {
  const Expr negative = less(x, x.constant(0));
  const Expr positive = lgamma_of_positive(abs(select(negative, 1 - x, x)));
  return rarely("lgamma_of_negative", negative, {positive}, {x, positive}, [](const Exprs& args) -> Exprs {
    const Expr infinity = args[0].constant(std::numeric_limits<double>::infinity());
    const Expr sin = half_turns(args[0]).sin;
    const Expr reflected = -(log(sin * inverse_pi) + args[1]);
    return {select(less(sin.constant(0), sin), reflected, infinity)};  // poles, and -infinity, whose sine is NaN
  })[0];
}

// digamma(x) = digamma(1 - x) - pi / tan(pi x) for negative x; NaN at the poles there.
Expr digamma(Expr x) {
  const Expr negative = less(x, x.constant(0));
  const Expr positive = digamma_of_positive(select(negative, 1 - x, x));
  return rarely("digamma_of_negative", negative, {positive}, {x, positive}, [](const Exprs& args) -> Exprs {
    const Angle angle = half_turns(args[0]);
    const Expr pole = equal(angle.sin, angle.sin.constant(0));
    const Expr reflected = args[1] + angle.cos * pi / angle.sin;
    return {select(pole, reflected.constant(std::numeric_limits<double>::quiet_NaN()), reflected)};
  })[0];
}

}  // namespace bitale::kernel::expansion
