#include "compiler/kernel/special.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace bitale::kernel {

double lgamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

namespace {

// By Taylor's series at the root, for |x - root| < 0.08: there the recurrence would leave few digits.
long double digamma_near_root(long double x) {
  constexpr long double high = 1.46163214496755244908854365349L, low = 8.098921741158888375621e-13L;
  constexpr long double series[] = {
      0.9676722454476211704274L,    -0.4427631689835921060929L,   0.2584997609556510106244L,
      -0.1639427054424065275043L,   0.1078240506912623657572L,    -0.07219956125645471092612L,
      0.04880428816414310722509L,   -0.03316112647484735929226L,  0.02259764823221810465962L,
      -0.0154247659049489591388L,   0.01053879161661217538812L,   -0.00720453438635686824097L,
      0.004926781395729853446354L,  -0.003369801655439328082793L, 0.002305126326734927836938L,
      -0.001576936771430197259271L, 0.001078825201916296580692L,  -0.000738070938996005129566L};
  const long double t = (x - high) - low;
  long double sum = 0;
  for (int k = 17; k >= 0; --k) sum = t * (series[k] + sum);
  return sum;
}

}  // namespace

// Up to 30 by the recurrence, then the asymptotic series: 1/12, -1/120... are B(2k) / 2k.
long double digamma(long double x) {
  if (x == 0) return -1 / x;
  if (x < 0) {
    const long double f = -x - std::floor(-x);
    if (f == 0 || std::isinf(x)) return std::numeric_limits<long double>::quiet_NaN();
    const long double pi = std::numbers::pi_v<long double>;
    const long double g = f > 0.5L ? f - 1 : f;  // the tangent's argument is small
    return digamma(1 - x) + pi / std::tan(pi * g);
  }
  if (std::fabs(x - 1.46163L) < 0.08L) return digamma_near_root(x);
  long double sum = 0;
  for (; x < 30; ++x) sum += 1 / x;
  const long double w = 1 / (x * x);
  constexpr long double series[] = {1.0L / 12,  -1.0L / 120,     1.0L / 252, -1.0L / 240,
                                    1.0L / 132, -691.0L / 32760, 1.0L / 12,  -3617.0L / 8160};
  long double tail = 0;
  for (int k = 7; k >= 0; --k) tail = w * (series[k] + tail);
  return std::log(x) - 1 / (2 * x) - tail - sum;
}

// Newton's method on erf, or on log erfc where that is the small one, from Winitzki's formula.
long double erfinv(long double x) {
  const long double a = std::fabs(x);
  if (!(a < 1)) return a == 1 ? x * std::numeric_limits<long double>::infinity() : std::nanl("");
  if (a < 1e-9L) return x * (std::sqrt(std::numbers::pi_v<long double>) / 2);
  const long double w = std::log1p(-a * a) / 2, c = 2 / (std::numbers::pi_v<long double> * 0.147L) + w;
  long double y = std::sqrt(std::sqrt(c * c - 2 * w / 0.147L) - c);
  const long double slope = 2 / std::sqrt(std::numbers::pi_v<long double>);
  for (int i = 0; i < 6; ++i) {
    const long double derivative = slope * std::exp(-y * y);
    if (a < 0.5L) {
      y -= (std::erf(y) - a) / derivative;
    } else {
      const long double rest = std::erfc(y);
      y += std::log(rest / (1 - a)) * rest / derivative;
    }
  }
  return std::copysign(y, x);
}

}  // namespace bitale::kernel
