#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/products.h"

namespace bitale::ops {

using namespace ir;

const OpDef matrix_power_op{
    .name = "matrix_power",
    .doc =
        "matrix_power(a, n): square a times itself n times, by squaring; the identity for 0, powers of the inverse "
        "for negative n",
    .composite = true,
    .samples =
        [] {
          const auto power = [](std::int64_t n) { return [n](auto x) { return matrix_power(x[0], n); }; };
          const auto negative = [](auto x) { return matrix_power(regular(x[0]), -2); };
          return std::vector<Sample>{
              sample("3", {uniform({3, 3})}, power(3)),  sample("6", {uniform({2, 4, 4})}, power(6)),
              sample("1", {uniform({3, 3})}, power(1)),  sample("0", {uniform({2, 3, 3})}, power(0)),
              sample("-2", {uniform({3, 3})}, negative),
          };
        },
};

Tensor matrix_power(const Tensor& a, std::int64_t n, SourceLine line) {
  const Tensor base = as_matrices(matrix_power_op, a, line);
  require_square_operand(matrix_power_op, base, line);
  if (n == 0) return identity_like(base);
  Tensor square = n < 0 ? inverse(base, line) : base, power;
  for (std::uint64_t rest = n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);; rest /= 2) {
    if (rest % 2 == 1) power = power ? matmul(power, square, line) : square;
    if (rest / 2 == 0) return power;
    square = matmul(square, square, line);
  }
}

}  // namespace bitale::ops
