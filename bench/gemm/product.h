// c[m, n] = a[m, k] * b[k, n] in float32, computed by a compiled Function or by OpenBLAS.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <bitale/bitale.h>

#include "runtime/device/cpu.h"

namespace bitale::bench {

struct ProductShape {
  std::int64_t m = 0, k = 0, n = 0;

  double gflop() const { return 2e-9 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n); }
  std::string text() const;  // "64x784x400": m, k, n
};

// UsageError if the text is not three positive numbers, or the matrices would be larger than a few gigabytes.
ProductShape product_shape(const std::string& text);
std::vector<ProductShape> default_product_shapes();

struct Operands {
  explicit Operands(const ProductShape& shape);  // always the same numbers, between -0.5 and 0.5
  Array a, b;
};

struct ProductOptions {
  int threads = 1;
  int level = 2;          // of optimisation
  bool symbolic = false;  // compiled for all extents instead of these
};

// A way to compute products of one shape. `compute` returns a new Array, as a caller of the public API has it.
struct Product {
  std::string name;  // "Bitale v4", "OpenBLAS"
  std::function<Array()> compute;
};
Product bitale_product(const ProductShape& shape, const Operands& operands, Isa isa, const ProductOptions& options);
// Into the same memory at every call. Its number of threads is the process's: the last one that was asked for.
Product openblas_product(const ProductShape& shape, const Operands& operands, int threads);

std::vector<double> times_ms(const Product& product, int calls);  // of single calls

// The largest difference, relative to the largest element of `expected`.
double difference(const Array& value, const Array& expected);
inline constexpr double tolerance = 1e-5;  // of results in another order of summation

}  // namespace bitale::bench
