// erf. float32: erf(x) = tanh(x h(x^2)) with the smooth h(z) = atanh(erf(x)) / x, so that one formula serves all x.
// float64: a polynomial near zero, else 1 - exp(log erfc |x|).
#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

// 2 / sqrt(pi) in two parts begins the polynomial h.
Expr narrow_erf(Expr x) {
  const Expr y = at_most(abs(x), 4);
  const Expr tail = polynomial(y * y, {-1.2973652e-08, 0.10277097, -0.0002004681, -0.0006065039, 7.8609366e-05,
                                       -2.6554087e-06, -3.6251495e-07, 3.971021e-08, -1.1380968e-09});
  return with_sign_of(tanh_of_positive(fma(y, 1.1283792, y * tail)), x);
}

Expr wide_erf(Expr x) {
  const Expr a = abs(x);
  const Expr z = x * x;
  const Expr near = x * erf_slope(z);
  const Expr log_erfc =
      polynomial(at_most(a, 6) - 3,
                 {-10.720363041981129, -6.3037536890039414, -0.95739421880425535, -0.0074118917890212844,
                  0.0013533104949106961, -0.00024569205077956284, 4.3081690025741606e-05, -7.1158687652011297e-06,
                  1.0690778685573884e-06, -1.3591212170579443e-07, 1.20642692890434e-08, 9.2544920358076643e-10,
                  -7.7238569844520726e-10, -5.7633484985855826e-11, -1.3267819855047012e-10, 2.6646020720889173e-11,
                  2.4047192379698091e-11, 8.5111492481182781e-12, 1.032701757746583e-12});
  const Expr far = with_sign_of(1 - exp_of_negative(log_erfc), x);
  return select(less(a, a.constant(1)), near, far);
}

}  // namespace

Expr erf_slope(Expr z) {
  return polynomial(
      z, {1.1283791670955126, -0.37612638903183343, 0.11283791670936941, -0.026866170641955598, 0.0052239775966883614,
          -0.00085483254817516968, 0.0001205528036799879, -1.4924462514443621e-05, 1.6444103235278774e-06,
          -1.6183555712005911e-07, 1.361447345862143e-08, -7.602966585190557e-10});
}

Expr erf(Expr x) { return x.wide() ? wide_erf(x) : narrow_erf(x); }

}  // namespace bitale::kernel::expansion
