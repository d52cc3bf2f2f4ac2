// The algorithm fft: a convolution is a product of spectra (Mathieu, Henaff and LeCun, "Fast training of convolutional
// networks through FFTs"). Over extents of at least the image's, so that no element of the result that is kept wraps
// around, and that have small prime factors only. Per frequency and group, with X and W the spectra of image and
// filters,
//     result[f, n] = sum over c of conj(W[f, c]) * X[n, c],
// which is one real product of matrices if (real, imaginary) is an axis that is summed over with c. Gradients are the
// convolutions that they are (as_forward).
#include "ops/conv/algorithm.h"
#include "ops/conv/algorithm_cost.h"
#include "ops/conv/spectra.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::int64_t without_small_factors(std::int64_t n) {
  for (const std::int64_t p : {2, 3, 5})
    while (n % p == 0) n /= p;
  return n;
}

// At least n, a multiple of `step`, with the factors 2, 3 and 5 alone.
std::int64_t smooth(std::int64_t n, std::int64_t step) {
  std::int64_t s = (std::max<std::int64_t>(n, 1) + step - 1) / step * step;
  while (without_small_factors(s) != 1) s += step;
  return s;
}

// W as the matrices that give (real, imaginary) of conj(W) * X from those of X: [.., out part, in part, f, c].
Tensor as_real_matrices(const Tensor& w) {
  const Shape& s = w.shape();  // [s0, bins, g, 2, f, c]
  const auto part = [&](std::int64_t number) {
    Shape starts(6, 0), extents = s;
    starts[3] = number;
    extents[3] = 1;
    return slice(w, starts, extents, std::vector<std::int64_t>(6, 1));
  };
  const Tensor real = part(0), imaginary = part(1);
  const Shape one{s[0], s[1], s[2], 1, 2, s[4], s[5]};
  return concat({reshape(concat({real, imaginary}, 3), one), reshape(concat({neg(imaginary), real}, 3), one)}, 3);
}

Tensor forward(const ConvCall& c) {
  const auto [s0, s1] = fft_extents(c);
  const Dim &groups = c.params.groups, &images = c.image_shape[0], &channels = c.filters_shape[1];
  const Dim filters = c.filters_per_group(), bins = s1 / 2 + 1;
  const auto plane = [](const Shape& shape, Shape lead) { return with_spatial(std::move(lead), spatial(shape)); };

  const Tensor turned = c.params.flip ? ir::flip(c.filters, {2, 3}) : c.filters;
  const Tensor w = reshape(fft2(reshape(turned, plane(c.filters_shape, {groups, filters * channels})), s0, s1),
                           {s0, bins, groups, 2, filters, channels});
  const Tensor by_group =
      groups.is(1) ? c.image
                   : transpose(reshape(c.image, plane(c.image_shape, {images, groups, channels})), {1, 0, 2, 3, 4});
  const Tensor x = reshape(fft2(reshape(by_group, plane(c.image_shape, {groups, images * channels})), s0, s1),
                           {s0, bins, groups, 2, images, channels});
  // [s0, bins, g, out part, f, n]
  const Tensor y = dot_general(as_real_matrices(w), x, {{0, 1, 2}, {0, 1, 2}, {4, 6}, {3, 5}});
  const Tensor planes = ifft2(reshape(y, {s0, bins, groups, 2, filters * images}), s1, c.result_shape[2].value(),
                              c.result_shape[3].value());
  const Tensor scaled = planes * (1.0 / static_cast<double>(s0 * s1));
  const Tensor ordered = transpose(reshape(scaled, plane(c.result_shape, {groups, filters, images})), {2, 0, 1, 3, 4});
  return reshape(ordered, c.result_shape);
}

}  // namespace

std::string why_not_fft(const ConvCall& c) {
  if (c.params.axes() != 2) return "it is for two spatial axes";
  if (c.strided()) return "it is for strides and dilations of 1";
  for (const Shape& shape : {spatial(c.image_shape), spatial(c.filters_shape)})
    for (const Dim& d : shape)
      if (!d.is_constant()) return "it is for spatial extents that are numbers";
  return "";
}

std::array<std::int64_t, 2> fft_extents(const ConvCall& c) {
  const auto extent = [&](std::size_t axis) {  // the gradient in the image is of a cotangent with a margin
    const std::int64_t margin = c.computed == ConvRole::image ? c.filters_shape[axis].value() - 1 : 0;
    return c.image_shape[axis].value() + margin;
  };
  return {smooth(extent(2), 1), smooth(extent(3), 4)};
}

Tensor fft(const ConvCall& c) {
  const AsForward f = as_forward(c);
  return f.finish(forward(f.call));
}

}  // namespace bitale::ops
