// Convolution and pooling. Images are NCHW, filters [out, in/groups, kh, kw].
#pragma once

#include <array>

#include "compiler/prim/prim.h"

namespace bitale::ops {

using ir::Dim;
using ir::Operand;
using ir::Shape;
using ir::Tensor;

struct Conv2dOptions {
  std::array<std::int64_t, 2> stride{1, 1}, dilation{1, 1};
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};  // top, bottom, left, right
  std::int64_t groups = 1;
  bool flip = false;  // true convolution: filters rotated by 180 degrees
  bool operator==(const Conv2dOptions&) const = default;
};
Tensor conv2d(const Tensor& x, const Tensor& filters, const Conv2dOptions& options = {}, SourceLine line = {});
Tensor conv2d_backward_data(const Tensor& dy, const Tensor& filters, Dim height, Dim width,
                            const Conv2dOptions& options = {}, SourceLine line = {});
Tensor conv2d_backward_filters(const Tensor& x, const Tensor& dy, Dim kh, Dim kw, const Conv2dOptions& options = {},
                               SourceLine line = {});
struct Pool2dOptions {
  std::array<std::int64_t, 2> window{2, 2}, stride{2, 2};
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};
  bool ceil = false;  // windows that begin inside the image and end beyond it (and its padding) count
  bool count_padding =
      false;  // average: divide by the elements of the window inside image and padding, not inside the image
  bool operator==(const Pool2dOptions&) const = default;
};
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options = {},
                  SourceLine line = {});  // gradient to the first maximum
Tensor average_pool2d(const Tensor& x, const Pool2dOptions& options = {}, SourceLine line = {});

}  // namespace bitale::ops
