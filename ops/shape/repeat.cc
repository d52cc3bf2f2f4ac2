// Repetition.
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/shape.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef tile_op, repeat_op, broadcast_arrays_op;

const OpDef tile_op{
    .name = "tile",
    .doc = "tile(x, counts): x repeated as a whole; counts and axes are aligned at the last",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("matrix", {ir::uniform({2, 3})}, [](auto x) { return tile(x[0], {3, 2}); }),
              ir::sample("more counts", {ir::uniform({3})}, [](auto x) { return tile(x[0], {2, 2}); }),
              ir::sample("fewer counts", {ir::uniform({2, 3})}, [](auto x) { return tile(x[0], {2}); }),
              ir::sample("never", {ir::uniform({2, 3})}, [](auto x) { return tile(x[0], {0, 1}); })};
        },
};

const OpDef repeat_op{
    .name = "repeat",
    .doc = "repeat(x, count, axis): each element of an axis, count times in a row",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("rows", {ir::uniform({2, 3})}, [](auto x) { return repeat(x[0], 3, 0); }),
              ir::sample("last", {ir::uniform({2, 3})}, [](auto x) { return repeat(x[0], 2, -1); }),
              ir::sample("by an extent", {ir::uniform({2, 3})}, [](auto x) { return repeat(x[0], x[0].dim(1), 0); })};
        },
};

const OpDef broadcast_arrays_op{
    .name = "broadcast_arrays",
    .doc = "broadcast_arrays(tensors): all of them, in the shape that they broadcast to",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              {"row, column, scalar",
               {ir::uniform({4}), ir::uniform({3, 1}), ir::uniform({})},
               [](std::span<const Tensor> x) { return broadcast_arrays({x[0], x[1], x[2]}); }}};
        },
};

Tensor tile(const Tensor& x, std::vector<Dim> counts, SourceLine line) {
  ir::require_operand("tile", x, line);
  for (const Dim& c : counts)
    if (c.is_constant() && c.value() < 0) reject("tile", "a count is negative", x, line);
  Shape shape = x.shape();
  const std::size_t rank = std::max(shape.size(), counts.size());
  shape.insert(shape.begin(), rank - shape.size(), Dim(1));
  counts.insert(counts.begin(), rank - counts.size(), Dim(1));
  Shape apart, repeated, joined;  // each axis that is repeated has an axis of its copies before it
  for (std::size_t k = 0; k < rank; ++k) {
    if (!counts[k].is(1)) {
      apart.emplace_back(1);
      repeated.push_back(counts[k]);
    }
    apart.push_back(shape[k]);
    repeated.push_back(shape[k]);
    joined.push_back(counts[k] * shape[k]);
  }
  return ir::reshape(ir::broadcast_to(ir::reshape(x, apart, line), repeated, line), joined, line);
}

Tensor repeat(const Tensor& x, const Dim& count, int axis, SourceLine line) {
  const std::int64_t along = axis_of("repeat", x, axis, line);
  if (count.is_constant() && count.value() < 0) reject("repeat", "the count is negative", x, line);
  Shape apart = x.shape(), joined = x.shape();
  apart.insert(apart.begin() + along + 1, Dim(1));
  Shape repeated = apart;
  repeated[static_cast<std::size_t>(along) + 1] = count;
  joined[static_cast<std::size_t>(along)] = joined[static_cast<std::size_t>(along)] * count;
  return ir::reshape(ir::broadcast_to(ir::reshape(x, apart, line), repeated, line), joined, line);
}

std::vector<Tensor> broadcast_arrays(const std::vector<Tensor>& tensors, SourceLine line) {
  std::vector<DType> dtypes;
  for (const Tensor& t : tensors) {
    ir::require_operand("broadcast_arrays", t, line);
    dtypes.push_back(t.dtype());
  }
  const std::vector<Operand> operands(tensors.begin(), tensors.end());
  return ir::broadcast_operands(broadcast_arrays_op, operands, dtypes, line);
}

}  // namespace bitale::ops
