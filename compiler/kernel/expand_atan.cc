// atan and atan2: angles of the first half quadrant, and multiples of pi/4 added to them.
#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

// An angle, as quarters * pi/4 + part.
struct Octant {
  Expr quarters, part;
};

// The angle whose tangent is n / m, for 0 <= n <= m, m > 0, not both infinite. Either n / m or, past the tangent of
// pi/8, (n - m) / (n + m) is small: pi/4 less.
Octant octant_of(Expr n, Expr m) {
  const Expr zero = n.constant(0), one = n.constant(1);
  const Expr steep = less(m * 0.41421356, n);
  const Expr q = select(steep, n - m, n) / select(steep, n + m, m);
  const Expr z = q * q;
  const Expr tail =
      n.wide()
          ? polynomial(z, {-0.33333333333333198, 0.19999999999953622, -0.14285714280191483, 0.11111110782990061,
                           -0.090908977408898167, 0.076920598831298634, -0.066631000780693395, 0.058478596450694441,
                           -0.050391695280450538, 0.038061119714683518, -0.017903457891191559})
          : polynomial(z, {-0.333333164, 0.199985281, -0.14244388, 0.105991207, -0.0608986579});
  return {select(steep, one, zero), fma(q * z, tail, q)};
}

Expr from_octant(Octant o) {
  const bool wide = o.part.wide();
  const double high = wide ? 0.78539816339744828 : 0.78539800643920898;  // products with 1 to 4 are exact
  const double low = wide ? 3.061616997868383e-17 : 1.5695823932524066e-07;
  return fma(o.quarters, high, fma(o.quarters, low, o.part));
}

// `quarters` * pi/4 less the angle, where the condition holds.
Octant mirrored(Expr condition, Octant o, double quarters) {
  return {select(condition, quarters - o.quarters, o.quarters), select(condition, -o.part, o.part)};
}

}  // namespace

Expr atan(Expr x) {
  const Expr a = abs(x), one = x.constant(1);
  const Expr inverted = less(one, a);
  const Octant o = octant_of(select(inverted, one, a), select(inverted, a, one));
  return with_sign_of(from_octant(mirrored(inverted, o, 2)), x);
}

// Numbers near the largest are scaled down so that their sum is finite; if the smaller one loses bits, the quotient is
// 0 anyway.
Expr atan2(Expr y, Expr x) {
  const Expr a = abs(x), b = abs(y);
  const Expr swapped = less(a, b);
  const Expr one = x.constant(1), zero = x.constant(0);
  const Expr same = equal(a, b);
  const Expr n = select(same, select(less(zero, a), one, zero), select(swapped, a, b));
  const Expr m = select(same, one, select(swapped, b, a));
  const Expr scale = select(less(m.constant(x.wide() ? 0x1p1000 : 0x1p100), m), m.constant(0x1p-24), m.constant(1));
  const Octant acute = mirrored(swapped, octant_of(n * scale, m * scale), 2);
  const Expr negative = less(bits(x), bits(x).integer(0));
  return with_sign_of(from_octant(mirrored(negative, acute, 4)), y);
}

}  // namespace bitale::kernel::expansion
