#include "ops/conv/pool.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<std::int64_t> spatial_axes(const char* op, const Tensor& x, SourceLine line) {
  require_operand(op, x, line);
  if (x.rank() < 3 || !is_floating(x.dtype()))
    WindowOp{op, 0, line}.fail("images must be float tensors [n, c, spatial...], got " + describe(x));
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  return axes;
}

// With the axes that a reduction took, as extents 1.
Tensor keep_axes(const Tensor& reduced, const Tensor& x, SourceLine line) {
  Shape shape(x.shape().size(), 1);
  shape[0] = x.shape()[0];
  shape[1] = x.shape()[1];
  return reshape(reduced, shape, line);
}

std::vector<Sample> samples(Tensor (*build)(const Tensor&, SourceLine)) {
  std::vector<Sample> out;
  for (const Extents& shape : std::vector<Extents>{{2, 3, 4, 5}, {3, 2, 7}, {1, 2, 2, 3, 4}})
    out.push_back({std::to_string(shape.size() - 2) + "d", {{shape}}, [build](std::span<const Tensor> in) {
                     return std::vector{build(in[0], {})};
                   }});
  return out;
}

}  // namespace

extern const OpDef global_max_pool_op;
const OpDef global_max_pool_op{
    .name = "global_max_pool",
    .doc =
        "global_max_pool(images): over all spatial axes, which keep the extent 1; NaN if there is one; the gradient "
        "goes to the first maximum",
    .composite = true,
    .samples = [] { return samples(global_max_pool); },
};

extern const OpDef global_average_pool_op;
const OpDef global_average_pool_op{
    .name = "global_average_pool",
    .doc = "global_average_pool(images): over all spatial axes, which keep the extent 1; NaN if there are no elements",
    .composite = true,
    .samples = [] { return samples(global_average_pool); },
};

Tensor global_max_pool(const Tensor& x, SourceLine line) {
  const auto axes = spatial_axes("global_max_pool", x, line);
  return keep_axes(max(x, axes, line), x, line);
}

Tensor global_average_pool(const Tensor& x, SourceLine line) {
  const auto axes = spatial_axes("global_average_pool", x, line);
  const Dim count = product({x.shape().begin() + 2, x.shape().end()});
  return keep_axes(div(sum(x, axes, line), cast(extent(count, line), x.dtype(), line), line), x, line);
}

}  // namespace bitale::ops
