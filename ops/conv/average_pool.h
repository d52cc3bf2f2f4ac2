// What average_pool and its transpose share.
#pragma once

#include "ops/conv/pool.h"

namespace bitale::ops {

// The number that window `window` (an index of the pooled tensor) divides by; at least 1.
ir::Expr window_count(ir::Element& e, const PoolParams& params, const Shape& image,
                      const std::vector<ir::Index>& window, DType dtype);

// The cotangent of the image (extents in params) from that of its averages; a composition of index maps where windows
// tile.
Tensor average_pool_backward(const Tensor& dy, const PoolParams& params);

}  // namespace bitale::ops
