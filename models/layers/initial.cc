#include "models/layers/initial.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <bitale/bitale.h>

namespace bitale::models {

Array glorot(NumpyRandom& random, std::int64_t fan_in, std::int64_t fan_out, Extents shape) {
  const double bound = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  return random.uniform(-bound, bound, std::move(shape));
}

Array orthogonal(NumpyRandom& random, std::int64_t n) {
  const Tensor a = input("a", float64, {n, n});
  const Function vectors = function({a}, {cast(svd(a).u, float32)}, {.name = "orthogonal", .threads = 1});
  return vectors(random.normal(1, {n, n}, float64))[0];
}

Array orthogonal_blocks(NumpyRandom& random, std::int64_t n, std::int64_t count, Blocks blocks) {
  Array all(float32, {n, count * n});
  Array block;
  for (std::int64_t k = 0; k < count; ++k) {
    if (k == 0 || blocks == Blocks::independent) block = orthogonal(random, n);
    for (std::int64_t row = 0; row < n; ++row)
      std::copy_n(block.view<float>().data() + row * n, n, all.view<float>().data() + (row * count + k) * n);
  }
  return all;
}

}  // namespace bitale::models
