// Which elements meet in a convolution, for naive references.
#pragma once

#include "ops/conv/conv.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

// Of the image, under a tap of the window at a position.
inline Extents image_element(const ConvParams& p, const Extents& position, const Extents& tap) {
  Extents at(position.size());
  for (std::size_t k = 0; k < at.size(); ++k) at[k] = position[k] * p.stride[k] + tap[k] * p.dilation[k];
  return at;
}

// Of a filter, at a tap.
inline Extents filter_element(const ConvParams& p, const Extents& taps, const Extents& tap) {
  Extents at = tap;
  if (p.flip)
    for (std::size_t k = 0; k < at.size(); ++k) at[k] = taps[k] - 1 - tap[k];
  return at;
}

}  // namespace bitale::ops
