// What the expansions are written in: arithmetic on an Emitter's handles, and the pieces that several of them share.
// Coefficients come from tests/tools/fit_polynomials.py unless a source is named.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <vector>

#include "compiler/kernel/expand.h"

namespace bitale::kernel::expansion {

// A handle with its emitter and type. A number beside an Expr is a constant of the Expr's type.
struct Expr {
  Emitter* emitter = nullptr;
  Emitter::Handle handle = nullptr;
  DType type = DType::f32;

  Expr constant(double value) const;
  Expr integer(std::int64_t value) const;
  bool wide() const { return type == DType::f64; }
};

Expr emit(ScalarOp op, DType type, std::initializer_list<Expr> args);

Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
Expr operator-(Expr a);
Expr operator&(Expr a, Expr b);
Expr operator|(Expr a, Expr b);
Expr operator^(Expr a, Expr b);
Expr operator<<(Expr a, int amount);
Expr operator>>(Expr a, int amount);
inline Expr operator+(Expr a, double b) { return a + a.constant(b); }
inline Expr operator-(Expr a, double b) { return a - a.constant(b); }
inline Expr operator-(double a, Expr b) { return b.constant(a) - b; }
inline Expr operator*(Expr a, double b) { return a * a.constant(b); }
Expr fma(Expr a, Expr b, Expr c);
inline Expr fma(Expr a, double b, Expr c) { return fma(a, a.constant(b), c); }
inline Expr fma(Expr a, double b, double c) { return fma(a, a.constant(b), a.constant(c)); }
Expr sqrt(Expr a);
Expr abs(Expr a);
Expr floor(Expr a);
Expr less(Expr a, Expr b);
Expr equal(Expr a, Expr b);
Expr select(Expr condition, Expr a, Expr b);
Expr cast(Expr a, DType type);

// `common`, but what `rare` makes of `args` where the condition holds; code that few calls need goes there
// (Emitter::rarely). `rare` sees nothing but its arguments; the name is that of the code.
using Exprs = std::vector<Expr>;
Exprs rarely(const char* name, Expr condition, const Exprs& common, const Exprs& args,
             Exprs (*rare)(const Exprs& args));

// The bits of a float as an integer of its size, and back.
Expr bits(Expr a);
Expr from_bits(Expr a);
// The magnitude of `a` with the sign bit of `sign` or-ed to it.
Expr with_sign_of(Expr a, Expr sign);

// c[0] + x c[1] + ...
Expr polynomial(Expr x, std::span<const double> c);
inline Expr polynomial(Expr x, std::initializer_list<double> c) {
  return polynomial(x, std::span<const double>(c.begin(), c.size()));
}

// The smaller of x and `high`, the larger of x and `low`; NaN stays. One instruction each on x86.
Expr at_most(Expr x, double high);
Expr at_least(Expr x, double low);

// Adding this to x rounds x to an integer, which then stands in the low bits of the sum: 1.5 * 2^(size of the
// fraction).
inline double rounding_constant(DType type) { return type == DType::f64 ? 6755399441055744.0 : 12582912.0; }
inline int fraction_bits(DType type) { return type == DType::f64 ? 52 : 23; }
inline int exponent_bias(DType type) { return type == DType::f64 ? 1023 : 127; }

// ln 2 in two parts; the first has so few bits that its product with an exponent is exact. Both are positive, so that
// reductions keep the sign of zero.
inline double ln2_high(DType type) { return type == DType::f64 ? 0.69314718036912382 : 0.693115234375; }
inline double ln2_low(DType type) { return type == DType::f64 ? 1.9082149292705877e-10 : 3.19461833e-05; }

// t x = n ln 2 + t r with integral n, |t r| <= 0.3466; n is +0 for x = -0. With ln 2 in one part instead of two, r is
// off by n times the rounding error of ln 2.
struct Reduced {
  Expr n, r;
};
Reduced reduce_exp(Expr x, int parts = 2, double t = 1);
Reduced reduce_exp(Expr x, Expr low);  // of x + low, where low is at most an ulp of x
inline double lowest_exp(DType type) { return type == DType::f64 ? -746 : -104; }  // below, exp is 0

// x * 2^n for 0.25 <= |x| <= 4 and integral n: down to the smallest denormal / 4, n <= 0; or full: |n| <= 252, float64
// 2044.
enum class Scale { down, full };
Expr scale_by_power(Expr x, Expr n, Scale scale);
// 2^(n + more), a normal number.
Expr power_of_two(Expr n, int more);

Expr exp_of_reduced(Expr r);                  // 1 + r + ...
Expr expm1_of_reduced(Expr r, double t = 1);  // expm1(t r) / t; loses the sign of zero
Expr exp_of_negative(Expr x);                 // for x <= 0 or NaN

Expr tanh_of_positive(Expr y);  // for 0 <= y <= 20 (float32: 10) or NaN

// log of u = 2^k m: with negative_k = -k and f = m - 1, 0.707 <= m < 1.415. u is positive and normal, else the result
// is any.
struct Split {
  Expr negative_k, f, inverse_power;  // inverse_power: 2^(1-k)
};
Split split_exponent(Expr u);
Expr log_of_split(Expr negative_k, Expr f);
// log1p of e for 0 <= e <= 1 or NaN.
Expr log1p_of_unit(Expr e);

Expr erf_slope(Expr z);  // erf(x) / x for z = x^2 <= 1, float64

// x = n pi/2 + r with |r| <= pi/4, nearly, for |x| beyond 2^19 (float64: 2^29); n modulo 4, as a number of x's type.
Reduced reduce_large_angle(Expr x);
// For |r| <= 0.9 and z = r^2.
Expr sin_of_reduced(Expr r, Expr z);
Expr cos_of_reduced(Expr z);
// pi |x| modulo pi: the angle's sine and cosine, of which the first is positive.
struct Angle {
  Expr sin, cos;
};
Angle half_turns(Expr x);

// One function per expanding instruction.
Expr exp(Expr x);
Expr expm1(Expr x);
Expr tanh(Expr x);
Expr sigmoid(Expr x);
Expr softplus(Expr x);
Expr log(Expr x);
Expr log1p(Expr x);
Expr exp2(Expr x);
Expr log2(Expr x);
Expr log10(Expr x);
Expr sin(Expr x);
Expr cos(Expr x);
Expr tan(Expr x);
Expr atan(Expr x);
Expr atan2(Expr y, Expr x);
Expr erf(Expr x);
Expr erfc(Expr x);
Expr erfinv(Expr x);
Expr lgamma(Expr x);
Expr digamma(Expr x);
Expr pow(Expr x, Expr y);
Expr philox(Expr key, Expr counter, Expr index);

}  // namespace bitale::kernel::expansion
