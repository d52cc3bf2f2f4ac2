// The algorithm fft: a convolution is a product of spectra (Mathieu, Henaff and LeCun, "Fast training of convolutional
// networks through FFTs"). Over extents of at least the image's, so that no element of the result that is kept wraps
// around, and that have small prime factors only. Per frequency and group, with X and W the spectra of image and
// filters,
//     result[f, n] = sum over c of conj(W[f, c]) * X[n, c],
// which is one real product of matrices if (real, imaginary) is an axis that is summed over with c. The gradient in the
// image is such a convolution (as_forward). That in the filters has cotangents for W, and sums over n in place of c.
// Spectra are several times as large as images, so there are those of some images at a time.
#include "ops/conv/algorithm.h"
#include "ops/conv/algorithm_cost.h"
#include "ops/conv/image_blocks.h"
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

// Spectra as the matrices that give (real, imaginary) of conj(W) * X from those of X: [.., out part, in part, r, c].
Tensor as_real_matrices(const Tensor& w) {
  const Shape& s = w.shape();  // [s0, bins, g, 2, r, c]
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

class Fft {
 public:
  explicit Fft(const ConvCall& call)
      : c_(call),
        extents_(fft_extents(call)),
        bins_(extents_[1] / 2 + 1),
        groups_(call.params.groups),
        channels_(call.image_channels()),
        filters_(call.filters_per_group()) {}

  Tensor result() const {
    const Tensor turned = c_.params.flip ? ir::flip(c_.filters, {2, 3}) : c_.filters;
    const Tensor w = as_real_matrices(spectra(reshape(turned, planes(turned, {groups_, filters_, channels_}))));
    return blocks().each([&](const Tensor& images) {
      const Tensor x = spectra_by_group(images, channels_);
      // [s0, bins, g, out part, f, n]
      const Tensor y = dot_general(w, x, {{0, 1, 2}, {0, 1, 2}, {4, 6}, {3, 5}});
      const Tensor all = planes_of(y, filters_, images.dim(0), c_.result_shape);  // [g, f, n, height, width]
      Shape shape = c_.result_shape;
      shape[0] = images.dim(0);
      return reshape(transpose(all, {2, 0, 1, 3, 4}), shape);
    });
  }

  // Images by their cotangents, summed over images before the way back.
  Tensor filters() const {
    const Tensor y = blocks().sum([&](const Tensor& images, const Tensor& results) {
      const Tensor dy = as_real_matrices(spectra_by_group(results, filters_));  // [s0, bins, g, 2, 2, n, f]
      return dot_general(dy, spectra_by_group(images, channels_), {{0, 1, 2}, {0, 1, 2}, {4, 5}, {3, 4}});
    });  // [s0, bins, g, part, f, c]
    const Tensor taps = reshape(planes_of(y, filters_, channels_, c_.filters_shape), c_.filters_shape);
    return c_.params.flip ? ir::flip(taps, {2, 3}) : taps;
  }

 private:
  static Shape planes(const Tensor& t, Shape lead) { return with_spatial(std::move(lead), spatial(t.shape())); }

  // [g, r, c, height, width] -> [s0, bins, g, part, r, c]
  Tensor spectra(const Tensor& t) const {
    const Dim rows = t.dim(1), columns = t.dim(2);
    const Tensor flat = reshape(t, with_spatial({groups_, rows * columns}, {t.dim(3), t.dim(4)}));
    return reshape(fft2(flat, extents_[0], extents_[1]), {extents_[0], bins_, groups_, 2, rows, columns});
  }

  // [n, g * c, height, width] -> [s0, bins, g, part, n, c]
  Tensor spectra_by_group(const Tensor& t, const Dim& channels) const {
    const Tensor grouped = reshape(t, planes(t, {t.dim(0), groups_, channels}));
    return spectra(transpose(grouped, {1, 0, 2, 3, 4}));
  }

  // [s0, bins, g, part, r, c] -> [g, r, c, height, width] with the spatial extents of `like`.
  Tensor planes_of(const Tensor& t, const Dim& rows, const Dim& columns, const Shape& like) const {
    const Tensor flat = reshape(t, {extents_[0], bins_, groups_, 2, rows * columns});
    const Tensor back = ifft2(flat, extents_[1], like[2].value(), like[3].value());
    const Tensor scaled = back * (1.0 / static_cast<double>(extents_[0] * extents_[1]));
    return reshape(scaled, with_spatial({groups_, rows, columns}, spatial(like)));
  }

  // Every block reads all spectra of filters, or adds to them, so its images have twice as many of their own at least.
  ImageBlocks blocks() const {
    const Dim of_image = groups_ * (channels_ + filters_), of_filters = groups_ * channels_ * filters_ * 2;  // matrices
    std::int64_t suited = 64;
    if (of_image.is_constant() && of_image.value() > 0 && of_filters.is_constant()) {
      const std::int64_t bytes =
          extents_[0] * bins_ * 2 * of_image.value() * static_cast<std::int64_t>(size_of(c_.dtype));
      suited = std::max(2 * of_filters.value() / of_image.value(), ImageBlocks::cache_bytes / bytes);
    }
    return ImageBlocks(c_, "fft", suited);
  }

  const ConvCall& c_;
  const std::array<std::int64_t, 2> extents_;
  const std::int64_t bins_;  // frequencies along the second axis
  Dim groups_, channels_, filters_;
};

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
    return c.image_extents()[axis - 2].value() + margin;
  };
  return {smooth(extent(2), 1), smooth(extent(3), 4)};
}

Tensor fft(const ConvCall& c) {
  if (c.computed == ConvRole::filters) return Fft(c).filters();
  AsForward f = as_forward(c);
  f.call.block = c.block;
  return f.finish(Fft(f.call).result());
}

}  // namespace bitale::ops
