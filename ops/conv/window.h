// Windows that move over the spatial axes of images: what convolution and pooling share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ops/api/conv.h"

namespace bitale::ops {

// What a builder says of itself in errors.
struct WindowOp {
  const char* name;
  std::size_t axes;  // the number of spatial axes
  SourceLine line;

  [[noreturn]] void fail(const std::string& what) const;  // "conv2d: <what>, at <line>"
  // x is [n, c, spatial...]; filters have as many axes.
  void require_images(const Tensor& x) const;
  void require_filters(const Tensor& filters) const;
  // One number per spatial axis, from none (`otherwise`), one for all, or one each.
  std::vector<std::int64_t> per_axis(const char* option, const std::vector<std::int64_t>& values,
                                     std::int64_t otherwise) const;
};

// Padding before and after each spatial axis, in turn, of an image with these extents, for windows that reach over
// `reach` elements.
Shape padding_of(const WindowOp& op, const Padding& padding, std::span<const Dim> image, std::span<const Dim> reach,
                 const std::vector<std::int64_t>& stride);
// What a dilated window of k elements reaches over.
Dim window_reach(const Dim& k, std::int64_t dilation);

// ceil(a / b) for b > 0.
Dim ceildiv(const Dim& a, std::int64_t b);

}  // namespace bitale::ops
