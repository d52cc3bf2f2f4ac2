#include "compiler/prim/samples.h"
#include "ops/api/reduce.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"

namespace bitale::ops {

using namespace ir;

extern const OpDef matrix_norm_op;

namespace {

std::vector<Sample> samples() {
  const auto of = [](MatrixNorm order, bool keepdims = false) {
    return [=](auto x) { return matrix_norm(full_rank(x[0]), order, keepdims); };
  };
  return {
      sample("frobenius", {uniform({3, 4})}, of(MatrixNorm::frobenius), 4),
      sample("nuclear", {uniform({3, 4})}, of(MatrixNorm::nuclear), 10),
      sample("1", {uniform({3, 4})}, of(MatrixNorm::one)),
      sample("-1", {uniform({2, 3, 4})}, of(MatrixNorm::minus_one)),
      sample("2", {uniform({4, 3})}, of(MatrixNorm::two), 10),
      sample("-2", {uniform({2, 3, 3})}, of(MatrixNorm::minus_two), 10),
      sample("inf, kept", {uniform({2, 3, 4})}, of(MatrixNorm::infinity, true)),
      sample("-inf", {uniform({3, 4})}, of(MatrixNorm::minus_infinity)),
  };
}

}  // namespace

const OpDef matrix_norm_op{
    .name = "matrix_norm",
    .doc =
        "matrix_norm(a, order, keepdims): of matrices: frobenius; one, minus_one: the largest, smallest sum of |a| "
        "down a column; infinity, minus_infinity: along a row; two, minus_two: the largest, smallest singular value; "
        "nuclear: their sum; derivatives are those of max, min and svd",
    .composite = true,
    .samples = samples,
};

Tensor matrix_norm(const Tensor& a, MatrixNorm order, bool keepdims, SourceLine line) {
  const Tensor x = as_matrices(matrix_norm_op, a, line);
  const auto sizes = [&](int axis) { return sum(abs(x, line), {axis}, false, line); };
  const auto singular = [&] { return svd(x, false, line).s; };
  const Axes last{-1};
  const auto value = [&]() -> Tensor {
    switch (order) {
      case MatrixNorm::frobenius:
        return norm(x, 2, {-2, -1}, false, line);
      case MatrixNorm::nuclear:
        return sum(singular(), last, false, line);
      case MatrixNorm::one:
        return max(sizes(-2), last, false, line);
      case MatrixNorm::minus_one:
        return min(sizes(-2), last, false, line);
      case MatrixNorm::two:
        return max(singular(), last, false, line);
      case MatrixNorm::minus_two:
        return min(singular(), last, false, line);
      case MatrixNorm::infinity:
        return max(sizes(-1), last, false, line);
      case MatrixNorm::minus_infinity:
        return min(sizes(-1), last, false, line);
    }
    throw Error("matrix_norm: the order is none of MatrixNorm's");
  }();
  return keepdims ? reshape(value, batched_shape(x, {1, 1}), line) : value;
}

}  // namespace bitale::ops
