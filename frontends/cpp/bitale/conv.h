// Convolution and pooling. Images are [n, c, h, w], filters [out, in/groups, kh, kw].
#pragma once

#include <array>
#include <cstdint>

#include <bitale/tensor.h>

namespace bitale {

struct Conv2d {
  std::array<std::int64_t, 2> stride{1, 1}, dilation{1, 1};
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};  // top, bottom, left, right
  std::int64_t groups = 1;
  bool flip = false;  // rotate the filters by 180 degrees: true convolution
};
Tensor conv2d(const Tensor& images, const Tensor& filters, const Conv2d& options = {}, Where at = Where::current());
struct Pool2d {
  std::array<std::int64_t, 2> window{2, 2}, stride{2, 2};
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};
  bool ceil = false, count_padding = false;
};
Tensor max_pool2d(const Tensor& images, const Pool2d& options = {}, Where at = Where::current());
Tensor average_pool2d(const Tensor& images, const Pool2d& options = {}, Where at = Where::current());

}  // namespace bitale
