// The three matrices of one-dimensional Winograd (Toom-Cook) filtering.
#pragma once

#include <cstdint>
#include <vector>

namespace bitale::ops {

// Row-major.
struct SmallMatrix {
  std::int64_t rows = 0, columns = 0;
  std::vector<double> values;

  SmallMatrix(std::int64_t r, std::int64_t c)
      : rows(r), columns(c), values(static_cast<std::size_t>(r) * static_cast<std::size_t>(c)) {}
  double& at(std::int64_t r, std::int64_t c) { return values[static_cast<std::size_t>(r * columns + c)]; }
  double at(std::int64_t r, std::int64_t c) const { return values[static_cast<std::size_t>(r * columns + c)]; }
};

// F(outputs, taps): of signals d of points = outputs + taps - 1 elements and filters g,
//     sum over t of d[i + t] g[t]  =  (output ((filter g) * (input d)))[i]   for i < outputs, * elementwise,
// so that `points` multiplications do the work of outputs * taps. The product of the polynomials with coefficients g
// and y is found from its values at the points and then transposed in y; `input` has whole numbers and short binary
// fractions, and the divisions are in `filter`.
struct WinogradMatrices {
  SmallMatrix input;   // [points, points]
  SmallMatrix filter;  // [points, taps]
  SmallMatrix output;  // [outputs, points]
};
WinogradMatrices winograd_matrices(std::int64_t outputs, std::int64_t taps);  // points: 2 to 8

}  // namespace bitale::ops
