// erfc: exp(-x^2) times a polynomial in (|x| - K) / (|x| + K), over |x| + K. erfinv (after Giles 2012): x times a
// polynomial in w = -log(1 - x^2), or in sqrt(w) where w is large.
#include <limits>

#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

// -a^2 and what its rounding lost.
struct Square {
  Expr high, low;
};
Square minus_square(Expr a) {
  const Expr high = -(a * a);
  if (a.emitter->fuses()) return {high, -fma(a, a, high)};
  const Expr upper = from_bits(bits(a) & bits(a).integer(a.wide() ? ~std::int64_t{0x7ffffff} : ~std::int64_t{0xfff}));
  return {high, -((upper * upper + high) + (a - upper) * (a + upper))};
}

// exp(a^2) erfc(a) for a >= 0, up to 28 (float32: 10.3).
Expr erfcx(Expr a) {
  const double middle = a.wide() ? 4 : 3;
  const Expr inverse = a.constant(1) / (a + middle);
  const Expr u = (a - middle) * inverse;
  const Expr p =
      a.wide()
          ? polynomial(
                u, {1.0959956610004911,      -0.97654872908088197,    0.77320870226525484,    -0.54085383131324405,
                    0.33085158787711394,     -0.17401093723963523,    0.076381514927015351,   -0.026370053342492494,
                    0.0061120554769197649,   -0.00028095888268049395, -0.0004550516382821333, 0.00017681314428879251,
                    -3.6389150662443629e-06, -1.8862835610940461e-05, 4.7026906899087057e-06, 1.4302165893656836e-06,
                    -8.5703384969197507e-07, -8.5867335704598873e-08, 1.3140264343249495e-07, 1.0231155789315244e-08,
                    -1.6628858331184391e-08, -3.3609108873937133e-09, 2.4517054484024618e-10})
          : polynomial(u, {1.07400692, -0.88339448, 0.590227664, -0.31046629, 0.119537838, -0.0268332288,
                           -0.00126485736, 0.00303578074, -0.000438724266, -0.00024060467, 3.23199747e-05});
  return p * inverse;
}

// erfinv(x) / x for w up to 6.25 (float32: 5), and by the square root of larger ones.
Expr erfinv_near(Expr w) {
  if (!w.wide())
    return polynomial(w - 2.5, {1.50140941, 0.24664028, -0.00417777291, -0.00125275529, 0.000218801986, -4.94184178e-06,
                                -3.65256778e-06, 4.58976359e-07, 5.54332402e-08, -8.11515832e-09, -1.91510541e-09});
  return polynomial(w - 3.125,
                    {1.6536545626831027,      0.24015818242558834,     -0.0060336708714275348,  -0.00074070253415466525,
                     0.00018673420802308531,  -1.3882523393790738e-05, -1.3654691820092209e-06, 4.2347881649135971e-07,
                     -2.9070385348674302e-08, -4.1126601295133123e-09, 1.0512199981614739e-09,  -5.4143193558569872e-11,
                     -1.2977584706551721e-11, 2.6305781253232903e-12,  -8.1009483630824057e-14, -4.0030411764566125e-14,
                     6.5673608351700312e-15,  -3.8064173575773305e-17, -1.2697780454489874e-16, 1.5404441103367589e-17,
                     9.2782001962679735e-19,  -3.4259430518799867e-19, 7.7659217098820769e-21,  3.1026285590932398e-21,
                     -1.5509320376276462e-22});
}
Expr erfinv_far(Expr s) {
  if (!s.wide())
    return polynomial(s - 3.15, {2.98341751, 1.00406146, 0.00666092103, -0.00493862387, 0.0035148263, -0.00232760864,
                                 0.00114261184, -0.000354270276, -7.60549665e-06, 0.000126760729, -6.23194865e-05});
  return polynomial(s - 4.3,
                    {4.142724044720679,       1.0100450970686876,      0.00062466999076445117,  -0.00056701636144625568,
                     0.00019685383369159854,  -5.8322853927522011e-05, 1.8785627474678804e-05,  -8.1424453432090342e-06,
                     4.5195458770688205e-06,  -2.5342277171267181e-06, 1.2229866554529896e-06,  -4.5555132029644162e-07,
                     1.0369480489523954e-07,  7.8210693379056342e-09,  -2.0867760364899337e-08, 1.0964898635475877e-08,
                     -3.1664759186172498e-09, 1.4962940201771736e-10,  3.5096870933482873e-10,  -1.5116594646471491e-10,
                     1.6065024704540097e-11,  -1.4831254432870599e-12, 2.3118452295746393e-12,  1.3784474958427304e-12,
                     -1.1230329814114446e-12, -1.7558577040240325e-14, 1.0338412404750929e-13,  -4.1810773487413261e-15,
                     -3.2582147667968241e-15});
}

}  // namespace

// Near 0 by erf; else by that of |x|, which is 0 from the bound on; that of a negative x is the rest to 2.
Expr erfc(Expr x) {
  const Expr a = at_most(abs(x), x.wide() ? 27.5 : 10.2);
  const Square square = minus_square(a);
  const Reduced r = reduce_exp(square.high, square.low);
  const Expr positive = scale_by_power(exp_of_reduced(r.r) * erfcx(a), r.n, Scale::down);
  const Expr far = select(less(x, x.constant(0)), 2 - positive, positive);
  const Expr z = x * x;
  const Expr slope =
      x.wide() ? erf_slope(z) : polynomial(z, {1.12837911, -0.376118571, 0.112678498, -0.0258013681, 0.00280986354});
  return select(less(abs(x), x.constant(0.5)), fma(-x, slope, x.constant(1)), far);
}

Expr erfinv(Expr x) {
  const Expr w = -log((1 - x) * (x + 1));
  const Expr p = select(less(w, w.constant(w.wide() ? 6.25 : 5)), erfinv_near(w), erfinv_far(sqrt(w)));
  const Expr infinity = x.constant(std::numeric_limits<double>::infinity());
  return x * select(equal(abs(x), x.constant(1)), infinity, p);
}

}  // namespace bitale::kernel::expansion
