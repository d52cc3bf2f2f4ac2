#include <functional>
#include <numeric>

#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"

namespace bitale::ops {

using namespace ir;

namespace {

// [batch..., n, k] -> [n, batch... * k], and back to [batch..., rows of y, k] of b's batch.
Tensor side_by_side(const Tensor& b, SourceLine line) {
  std::vector<std::int64_t> axes{b.rank() - 2};
  for (std::int64_t k = 0; k < b.rank() - 2; ++k) axes.push_back(k);
  axes.push_back(b.rank() - 1);
  return reshape(transpose(b, axes, line), {rows_of(b), product(batch_of(b)) * columns_of(b)}, line);
}
Tensor one_by_one(const Tensor& y, const Tensor& b, SourceLine line) {
  Shape shape = batch_of(b);
  shape.insert(shape.begin(), rows_of(y));
  shape.push_back(columns_of(b));
  std::vector<std::int64_t> axes(shape.size());
  std::iota(axes.begin(), axes.end() - 1, 1);
  axes[shape.size() - 2] = 0;
  axes[shape.size() - 1] = static_cast<std::int64_t>(shape.size()) - 1;
  return transpose(reshape(y, shape, line), axes, line);
}

}  // namespace

Tensor for_right_sides(const OpDef& op, const Tensor& a0, const Tensor& b0, SourceLine line,
                       const std::function<Tensor(const Tensor& a, const Tensor& b)>& apply) {
  const auto [a, b] = with_common_float(as_matrices(op, a0, line), as_matrices(op, b0, line, 1), line);
  const Tensor operands[] = {a, b};
  const TypeArgs args(op, nullptr, operands, line);
  const Dim &rows = rows_of(a), &right = b.dim(b.rank() == 1 ? 0 : b.rank() - 2);
  if (rows.is_constant() && right.is_constant() && !(rows == right))
    args.fail("the matrices have " + to_string(rows) + " rows, and the right sides " + to_string(right));
  if (b.rank() == 1) {
    const auto [wide_a, wide_b] = with_common_batch(op, a, expand_dims(b, 1), line);
    const Tensor x = apply(wide_a, wide_b);
    return reshape(x, Shape(x.shape().begin(), x.shape().end() - 1), line);
  }
  if (a.rank() == 2 && b.rank() > 2) return one_by_one(apply(a, side_by_side(b, line)), b, line);
  const auto [wide_a, wide_b] = with_common_batch(op, a, b, line);
  return apply(wide_a, wide_b);
}

}  // namespace bitale::ops
