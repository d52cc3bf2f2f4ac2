// What average_pool2d and its transpose share.
#pragma once

#include "ops/conv/pool2d.h"

namespace bitale::ops {

// The number that window `window` (an index of the pooled tensor) divides by; at least 1.
ir::Expr window_count(ir::Element& e, const Pool2dParams& params, const Shape& image,
                      const std::vector<ir::Index>& window, DType dtype);
// The same by counting, for references.
std::int64_t reference_count(const Pool2dParams& params, std::int64_t height, std::int64_t width, std::int64_t row,
                             std::int64_t col);

// The cotangent of the image (extents in params) from that of its averages; a composition of index maps where windows
// tile.
Tensor average_pool2d_backward(const Tensor& dy, const Pool2dParams& params);

}  // namespace bitale::ops
