#include "ops/conv/winograd_matrices.h"

#include "runtime/base/error.h"

namespace bitale::ops {
namespace {

// The finite points, best first: small powers of two and their opposites, which keep numbers of one size. Infinity,
// where a polynomial's value is its leading coefficient, is the last point always.
constexpr double finite_points[] = {0, 1, -1, 2, -2, 0.5, -0.5};

// Coefficients, lowest first, of the product of (x - p) over the first `count` points without point `left_out`.
std::vector<double> product_of_roots(std::int64_t count, std::int64_t left_out) {
  std::vector<double> c{1};
  for (std::int64_t i = 0; i < count; ++i) {
    if (i == left_out) continue;
    c.push_back(0);
    for (std::size_t k = c.size(); k-- > 0;) c[k] = (k > 0 ? c[k - 1] : 0) - finite_points[i] * c[k];
  }
  return c;
}

// Row i: the powers of point i, from 0; of infinity, the highest of them alone.
SmallMatrix values_at_points(std::int64_t points, std::int64_t coefficients) {
  SmallMatrix m(points, coefficients);
  for (std::int64_t i = 0; i + 1 < points; ++i) {
    double power = 1;
    for (std::int64_t k = 0; k < coefficients; ++k, power *= finite_points[i]) m.at(i, k) = power;
  }
  m.at(points - 1, coefficients - 1) = 1;
  return m;
}

}  // namespace

WinogradMatrices winograd_matrices(std::int64_t outputs, std::int64_t taps) {
  const std::int64_t points = outputs + taps - 1, finite = points - 1;
  BITALE_ASSERT(outputs >= 1 && taps >= 1 && points >= 2 && points <= 8, "winograd_matrices: no such tile");
  WinogradMatrices w{SmallMatrix(points, points), values_at_points(points, taps), SmallMatrix(outputs, points)};
  const SmallMatrix at_points = values_at_points(points, outputs);
  for (std::int64_t i = 0; i < points; ++i)
    for (std::int64_t k = 0; k < outputs; ++k) w.output.at(k, i) = at_points.at(i, k);
  // A polynomial is the sum of its values times Lagrange's polynomials, whose numerators are the rows of `input`; their
  // denominators go to `filter`. What its leading coefficient adds vanishes at all finite points.
  for (std::int64_t i = 0; i < points; ++i) {
    const std::vector<double> numerator = product_of_roots(finite, i);
    for (std::size_t k = 0; k < numerator.size(); ++k) w.input.at(i, static_cast<std::int64_t>(k)) = numerator[k];
    if (i == finite) continue;
    double denominator = 1;
    for (std::int64_t j = 0; j < finite; ++j)
      if (j != i) denominator *= finite_points[i] - finite_points[j];
    for (std::int64_t k = 0; k < taps; ++k) w.filter.at(i, k) /= denominator;
  }
  return w;
}

}  // namespace bitale::ops
