// What the naive references of pooling are made of.
#pragma once

#include <cmath>

#include "ops/conv/pool.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

inline std::int64_t flat_position(const Extents& at, const std::vector<std::int64_t>& shape) {
  std::int64_t flat = 0;
  for (std::size_t k = 0; k < at.size(); ++k) flat = flat * shape[k] + at[k];
  return flat;
}

// The parameters as plain numbers.
struct PlainPool {
  std::vector<std::int64_t> window, stride, padding;
  bool count_padding = false;

  explicit PlainPool(const ir::Reference& r) {
    const auto& p = r.node.params_as<PoolParams>();
    window = p.window;
    stride = p.stride;
    for (const Dim& d : p.padding) padding.push_back(d.evaluate(r.symbols));
    count_padding = p.count_padding;
  }

  // Calls visit(element of the window, element of the image) for what the window at a position covers of the image.
  template <class F>
  void visit_window(const Extents& image, const Extents& position, F&& visit) const {
    for_each_index(window, [&](const Extents& i) {
      Extents at(i.size());
      for (std::size_t k = 0; k < i.size(); ++k) {
        at[k] = position[k] * stride[k] + i[k] - padding[2 * k];
        if (at[k] < 0 || at[k] >= image[k]) return;
      }
      visit(i, at);
    });
  }

  // The number that the window at a position divides by, by counting.
  std::int64_t count(const Extents& image, const Extents& position) const {
    std::int64_t total = 0;
    if (!count_padding) {
      visit_window(image, position, [&](const Extents&, const Extents&) { ++total; });
      return total;
    }
    for_each_index(window, [&](const Extents& i) {
      for (std::size_t k = 0; k < i.size(); ++k)
        if (position[k] * stride[k] + i[k] - padding[2 * k] >= image[k] + padding[2 * k + 1]) return;
      ++total;
    });
    return total;
  }
};

// Calls visit(lead index, position, value, position within the window) for the first maximum of every window.
template <class T, class F>
void visit_maxima(const PlainPool& p, const Array& image, const Extents& result, F&& visit) {
  const auto x = elements<T>(image);
  const std::size_t axes = p.window.size();
  const Extents extents = spatial_extents(image.shape(), axes);
  for (std::int64_t lead = 0; lead < lead_count(image.shape(), axes); ++lead)
    for_each_index(spatial_extents(result, axes), [&](const Extents& position) {
      std::int64_t best = -1;
      T value = 0;
      p.visit_window(extents, position, [&](const Extents& i, const Extents& at) {
        const T v = x(lead, at);
        if (best >= 0 && !(v > value) && !(std::isnan(v) && !std::isnan(value))) return;
        if (best >= 0 && std::isnan(value)) return;
        best = flat_position(i, p.window);
        value = v;
      });
      visit(lead, position, value, best);
    });
}

}  // namespace bitale::ops
