// Places in row-major order, and the indices that they are.
#include "ops/api/checks.h"
#include "ops/api/elementwise.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

const OpDef unravel_index_op{
    .name = "unravel_index",
    .doc = "unravel_index(places, shape): the index along each axis of places in row-major order",
    .composite = true,
    .samples =
        [] {
          const auto build = [](Shape shape) {
            return [shape](std::span<const Tensor> in) { return unravel_index(in[0], shape); };
          };
          return std::vector<Sample>{
              {"cube", {{.shape = {7}, .low = 0, .high = 23, .dtype = DType::i64}}, build({2, 3, 4})},
              {"vector", {{.shape = {2, 2}, .low = 0, .high = 4, .dtype = DType::i32}}, build({5})}};
        },
};

std::vector<Tensor> unravel_index(const Tensor& places, const Shape& shape, SourceLine line) {
  require_integers("unravel_index", places, line);
  if (shape.empty()) fail_at("unravel_index", "a scalar has no axes", line);
  Tensor rest = checked_rows(places, product(shape), "unravel_index", line, false);
  std::vector<Tensor> out(shape.size());
  for (std::size_t k = shape.size(); k-- > 1;) {
    const Tensor n = extent(shape[k], line);
    out[k] = mod(rest, n, line);
    rest = floordiv(rest, n, line);
  }
  out[0] = rest;
  return out;
}

const OpDef ravel_multi_index_op{
    .name = "ravel_multi_index",
    .doc = "ravel_multi_index(indices, shape): the places in row-major order of indices along each axis",
    .composite = true,
    .samples =
        [] {
          const auto build = [](std::span<const Tensor> in) {
            return std::vector{ravel_multi_index({in[0], in[1], in[2]}, {3, 4, 2})};
          };
          const auto index = [](Extents shape, double high) {
            return SampleInput{.shape = std::move(shape), .low = 0, .high = high, .dtype = DType::i32};
          };
          return std::vector<Sample>{{"vectors", {index({5}, 2), index({5}, 3), index({5}, 1)}, build},
                                     {"broadcast", {index({2, 1}, 2), index({}, 3), index({3}, 1)}, build}};
        },
};

Tensor ravel_multi_index(const std::vector<Tensor>& indices, const Shape& shape, SourceLine line) {
  if (indices.empty() || indices.size() != shape.size())
    fail_at("ravel_multi_index",
            std::to_string(indices.size()) + " tensors of indices for the " + std::to_string(shape.size()) +
                " axes of " + to_string(shape),
            line);
  std::vector<Tensor> rows;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    require_integers("ravel_multi_index", indices[k], line);
    rows.push_back(checked_rows(indices[k], shape[k], "ravel_multi_index", line, false));
  }
  return joint_rows(rows, shape, line);
}

}  // namespace bitale::ops
