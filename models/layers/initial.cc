#include "models/layers/initial.h"

#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include <bitale/bitale.h>

namespace bitale::models {

Array filled(std::int64_t size, double value, DType dtype) {
  const std::vector<double> values(static_cast<std::size_t>(size), value);
  return Array::of<double>(values, {size}).cast(dtype);
}

Array glorot(NumpyRandom& random, std::int64_t fan_in, std::int64_t fan_out, Extents shape, DType dtype) {
  const double bound = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  return random.uniform(-bound, bound, std::move(shape), dtype);
}

Array orthogonal(NumpyRandom& random, std::int64_t n, DType dtype) {
  const Tensor a = input("a", float64, {n, n});
  const Function vectors = function({a}, {cast(svd(a).u, dtype)}, {.name = "orthogonal", .threads = 1});
  return vectors(random.normal(1, {n, n}, float64))[0];
}

Array orthogonal_blocks(NumpyRandom& random, std::int64_t n, std::int64_t count, Blocks blocks, DType dtype) {
  Array all(dtype, {n, count * n});
  auto* const to = static_cast<std::byte*>(all.data());
  const std::int64_t row_bytes = n * static_cast<std::int64_t>(size_of(dtype));
  Array block;
  for (std::int64_t k = 0; k < count; ++k) {
    if (k == 0 || blocks == Blocks::independent) block = orthogonal(random, n, dtype);
    const auto* const from = static_cast<const std::byte*>(std::as_const(block).data());
    for (std::int64_t row = 0; row < n; ++row)
      std::memcpy(to + (row * count + k) * row_bytes, from + row * row_bytes, static_cast<std::size_t>(row_bytes));
  }
  return all;
}

}  // namespace bitale::models
