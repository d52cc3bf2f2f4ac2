// sin, cos and tan: x = n pi/2 + r, polynomials for sin(r) and cos(r), chosen and signed by n modulo 4. half_turns: the
// same for multiples of pi.
#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

struct Quadrant {
  Expr n;  // in the low bits of an integer
  Expr r;
};

// x - n pi/2 with pi/2 in parts (Cody and Waite 1980), all positive so that -0 stays -0. With a true fma the parts have
// full precision: each difference is exact or its rounding is relative to what is left. Else n times a part must be
// exact: n has at most 22 bits for float32, which is reduced in float64 with a part of 30 bits, and 30 bits for
// float64.
Expr reduce(Expr x, Expr n) {
  const auto minus = [](Expr rest, Expr m, std::initializer_list<double> parts) {
    for (const double part : parts) rest = fma(m, -part, rest);
    return rest;
  };
  if (x.wide() && x.emitter->fuses())
    return minus(x, n, {1.5707963267948966, 6.123233995736765e-17, 1.0828566739219139e-32});
  if (x.wide())
    return minus(x, n,
                 {1.570796251296997, 7.549789415861596e-08, 5.390302529957765e-15, 3.2820031633724233e-22,
                  3.795010772721225e-29});
  if (x.emitter->fuses()) return minus(x, n, {1.570796251296997, 7.549789415861596e-08, 5.390302529957765e-15});
  const Expr r = minus(cast(x, DType::f64), cast(n, DType::f64), {1.570796325802803, 9.920935796805404e-10});
  return cast(r, x.type);
}

Quadrant quadrant_of(Expr x) {
  constexpr double two_by_pi = 0.6366197723675814;
  const double magic = rounding_constant(x.type);
  const Expr t = fma(x, two_by_pi, magic);
  const Expr near = reduce(x, t - magic);
  const Expr large = less(x.constant(x.wide() ? 0x1p29 : 0x1p19), abs(x));
  const Exprs q = rarely("large_angle", large, {t, near}, {x}, [](const Exprs& args) -> Exprs {
    const Reduced r = reduce_large_angle(args[0]);
    return {r.n + rounding_constant(r.n.type), r.r};
  });
  return {bits(q[0]), q[1]};
}

}  // namespace

Expr sin_of_reduced(Expr r, Expr z) {
  const Expr tail = r.wide() ? polynomial(z, {-0.1666666666666663, 0.0083333333333218424, -0.00019841269829360745,
                                              2.7557313539565774e-06, -2.5050734592561924e-08, 1.5895446913259599e-10})
                             : polynomial(z, {-0.166666672, 0.00833336543, -0.000198464346, 2.76017772e-06});
  return r * fma(z, tail, r.constant(1));
}

Expr cos_of_reduced(Expr z) {
  const Expr tail = z.wide() ? polynomial(z, {0.041666666666666595, -0.001388888888887332, 2.4801587288978908e-05,
                                              -2.7557314208215048e-07, 2.0875703962523091e-09, -1.1358664752306769e-11})
                             : polynomial(z, {0.0416666195, -0.00138861872, 2.43188369e-05});
  return fma(z * z, tail, fma(z, -0.5, 1));
}

namespace {

Expr is_odd(Expr n) { return equal(n & n.integer(1), n.integer(1)); }

// sin of r + n pi/2.
Expr sin_of(Expr n, Expr r) {
  const Expr z = r * r;
  const Expr value = select(is_odd(n), cos_of_reduced(z), sin_of_reduced(r, z));
  const int to_sign = r.wide() ? 62 : 30;
  return from_bits(bits(value) ^ ((n & n.integer(2)) << to_sign));
}

}  // namespace

Expr sin(Expr x) {
  const Quadrant q = quadrant_of(x);
  return sin_of(q.n, q.r);
}

Expr cos(Expr x) {
  const Quadrant q = quadrant_of(x);
  return sin_of(q.n + q.n.integer(1), q.r);
}

Expr tan(Expr x) {
  const Quadrant q = quadrant_of(x);
  const Expr z = q.r * q.r;
  const Expr s = sin_of_reduced(q.r, z), c = cos_of_reduced(z), odd = is_odd(q.n);
  return select(odd, c, s) / select(odd, -s, c);
}

// Where f, the fraction of |x|, is past 1/2 or nearer to it than to 0, by its complements.
Angle half_turns(Expr x) {
  const Expr a = abs(x);
  const Expr f = a - floor(a);
  const Expr half = x.constant(0.5);
  const Expr folded = less(half, f);
  const Expr g = select(folded, 1 - f, f);
  const Expr steep = less(x.constant(0.25), g);
  const Expr r = select(steep, half - g, g) * 3.141592653589793;
  const Expr z = r * r;
  const Expr s = sin_of_reduced(r, z), c = cos_of_reduced(z);
  const Expr cos = select(steep, s, c);
  return {select(steep, c, s), select(folded, -cos, cos)};
}

}  // namespace bitale::kernel::expansion
