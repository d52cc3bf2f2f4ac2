#include "ops/conv/conv.h"

namespace bitale::ops {

Extents ConvCase::image() const {
  Extents shape{n, c};
  shape.insert(shape.end(), extents.begin(), extents.end());
  return shape;
}

Extents ConvCase::filters() const {
  Extents shape{f, c / options.groups};
  shape.insert(shape.end(), taps.begin(), taps.end());
  return shape;
}

Extents ConvCase::result() const {
  const WindowOp op{"conv", taps.size(), {}};
  const ConvParams p = conv_params(op, options);
  const Shape image(extents.begin(), extents.end()), filter(taps.begin(), taps.end());
  const Shape padding = conv_padding(op, p, options.padding, image, filter);
  Extents shape{n, f};
  for (std::size_t k = 0; k < taps.size(); ++k) {
    const std::int64_t padded = extents[k] + padding[2 * k].value() + padding[2 * k + 1].value();
    shape.push_back((padded - (taps[k] - 1) * p.dilation[k] - 1) / p.stride[k] + 1);
  }
  return shape;
}

std::vector<ConvCase> conv_cases() {
  return {
      {"plain", 2, 3, {11, 12}, 5, {4, 6}, {}},  // all extents differ, the result's too
      {"pointwise", 2, 3, {3, 5}, 4, {1, 1}, {}},
      {"stride", 1, 2, {7, 8}, 3, {3, 2}, {.stride = {2, 3}}},
      {"stride beyond the window", 1, 1, {7, 7}, 2, {2, 1}, {.stride = {3, 2}}},
      {"stride that tiles", 1, 2, {6, 4}, 3, {3, 2}, {.stride = {3, 2}}},
      {"dilation", 1, 2, {8, 7}, 2, {3, 2}, {.dilation = {2, 3}}},
      {"groups", 1, 4, {4, 5}, 6, {2, 3}, {.groups = 2}},
      {"depthwise", 2, 3, {4, 4}, 3, {3, 3}, {.padding = 1, .groups = 3}},
      {"everything",
       2,
       4,
       {9, 8},
       6,
       {3, 2},
       {.stride = {2, 1}, .dilation = {2, 3}, .padding = {1, 0, 2, 1}, .groups = 2, .flip = true}},
      {"same", 1, 2, {5, 6}, 3, {4, 3}, {.padding = Padding::same}},
      {"same with strides", 1, 2, {8, 7}, 3, {3, 2}, {.stride = {2, 3}, .dilation = {2, 1}, .padding = Padding::same}},
      {"full", 1, 2, {3, 4}, 2, {2, 3}, {.padding = Padding::full, .flip = true}},
      {"1d", 2, 3, {9}, 4, {4}, {.stride = {2}, .padding = {2, 1}}},
      {"1d causal", 2, 2, {7}, 3, {3}, {.dilation = {2}, .padding = Padding::causal}},
      {"3d", 1, 2, {4, 3, 5}, 3, {2, 2, 3}, {}},
      {"3d everything",
       1,
       4,
       {5, 4, 6},
       2,
       {2, 3, 2},
       {.stride = {2, 1, 3}, .dilation = {1, 1, 2}, .padding = {1, 0, 2, 1, 0, 1}, .groups = 2, .flip = true}},
  };
}

}  // namespace bitale::ops
