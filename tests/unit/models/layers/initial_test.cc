#include "models/layers/initial.h"

#include <bitale/bitale.h>

#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;

namespace {

// How far block k of [n, count * n] is from orthogonal.
double defect(const Array& blocks, std::int64_t n, std::int64_t k) {
  const Tensor a = input("a", blocks.dtype(), {n, blocks.shape()[1]});
  const Tensor q = cast(slice(a, 1, k * n, (k + 1) * n), float64);
  return function({a}, {max(abs(dot(transpose(q), q) - identity(n, float64)))})(blocks)[0].at(0);
}

}  // namespace

TEST_CASE("orthogonal matrices, one repeated or several") {
  for (const Blocks blocks : {Blocks::repeated, Blocks::independent}) {
    NumpyRandom random(5);
    const Array all = orthogonal_blocks(random, 16, 3, blocks);
    REQUIRE(all.shape() == Extents{16, 48});
    for (std::int64_t k = 0; k < 3; ++k) CHECK(defect(all, 16, k) < 1e-6);
    CHECK((all.at(3) == all.at(16 + 3)) == (blocks == Blocks::repeated));
    CHECK((all.at(48 * 7 + 3) == all.at(48 * 7 + 32 + 3)) == (blocks == Blocks::repeated));
  }
}

TEST_CASE("in float64 initial values are the numbers that float32 rounds") {
  for (const Blocks blocks : {Blocks::repeated, Blocks::independent}) {
    NumpyRandom random(5), again(5);
    const Array exact = orthogonal_blocks(random, 7, 3, blocks, float64);
    for (std::int64_t k = 0; k < 3; ++k) CHECK(defect(exact, 7, k) < 1e-14);
    CHECK(exact.cast(float32).same_bits(orthogonal_blocks(again, 7, 3, blocks)));
    CHECK(glorot(random, 20, 4, {20, 4}, float64).cast(float32).same_bits(glorot(again, 20, 4, {20, 4})));
  }
  CHECK(filled(3, 0.1, float64).same_bits(Array::of<double>(std::vector{0.1, 0.1, 0.1}, {3})));
  CHECK(filled(2, 0.1, float32).same_bits(Array::of<float>(std::vector{0.1f, 0.1f}, {2})));
}

TEST_CASE("orthogonal matrices span what their normal numbers do") {
  NumpyRandom random(5), again(5);
  const Array u = orthogonal(random, 6), drawn = again.normal(1, {6, 6}, float64);
  // u^T a has orthogonal rows: their products are the squares of singular values.
  const Tensor a = input("a", float64, {6, 6}), q = input("q", float32, {6, 6});
  const Tensor rows = dot(transpose(cast(q, float64)), a), products = dot(rows, transpose(rows));
  const double off = function({a, q}, {max(abs(products - diag(diag(products))))})(drawn, u)[0].at(0);
  CHECK(off < 1e-4);
  CHECK(random.normal() == again.normal());  // it drew n * n numbers
}

TEST_CASE("glorot's bound") {
  NumpyRandom random(5);
  const Array values = glorot(random, 20, 4, {20, 4});
  double largest = 0;
  for (const float v : values.view<float>()) largest = std::max(largest, static_cast<double>(std::abs(v)));
  CHECK(largest <= 0.5);
  CHECK(largest > 0.4);
}
