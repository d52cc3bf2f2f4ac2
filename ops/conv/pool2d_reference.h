// What the naive references of max_pool2d and max_pool2d_index are made of.
#pragma once

#include <cmath>

#include "ops/conv/pool2d.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

// Calls visit(position in the window, element) for the elements of window (row, col) of plane `plane`.
template <class T, class F>
void visit_window(const Pool2dParams& p, const Planes<const T>& x, std::int64_t plane, std::int64_t row,
                  std::int64_t col, F&& visit) {
  for (std::int64_t i = 0; i < p.window[0]; ++i)
    for (std::int64_t j = 0; j < p.window[1]; ++j) {
      const std::int64_t h = row * p.stride[0] + i - p.padding[0], w = col * p.stride[1] + j - p.padding[2];
      if (h >= 0 && h < x.h && w >= 0 && w < x.w) visit(i * p.window[1] + j, x(plane, h, w));
    }
}

// The first maximum of each window, and its position.
template <class T, class F>
void visit_maxima(const Pool2dParams& p, const Array& image, const Extents& result, F&& visit) {
  const auto x = planes<T>(image);
  const std::int64_t height = result[result.size() - 2], width = result.back();
  for (std::int64_t plane = 0; plane < x.count; ++plane)
    for (std::int64_t row = 0; row < height; ++row)
      for (std::int64_t col = 0; col < width; ++col) {
        std::int64_t best = -1;
        T value = 0;
        visit_window<T>(p, x, plane, row, col, [&](std::int64_t position, T v) {
          if (best >= 0 && !(v > value) && !(std::isnan(v) && !std::isnan(value))) return;
          if (best >= 0 && std::isnan(value)) return;
          best = position;
          value = v;
        });
        visit((plane * height + row) * width + col, value, best);
      }
}

}  // namespace bitale::ops
