// The algorithm winograd: results in tiles of m0 x m1, each from points = (m0 + taps0 - 1) x (m1 + taps1 - 1) products
// per pair of channels (Lavin and Gray, "Fast algorithms for convolutional neural networks"). As a graph:
//
//     V = input matrices applied to every tile of the image     a convolution with stride m, one "filter" per point
//     U = filter matrices applied to every filter               a product with a constant
//     M[point] = U[point] V[point]                              one product of matrices per point and group
//     result = output matrices applied to M                     a product with a constant, then tiles side by side
//
// The matrices of the two axes are multiplied out, so that a transform is one contraction. Tiles that reach beyond the
// image read zeros, and what they give beyond the result is cut off. The gradient in the image is such a convolution
// itself; that in the filters has the roles of filters and result exchanged: its "filters" are the tiles of the
// cotangent, its outputs the taps, and M sums over images and tiles.
#include <algorithm>

#include "ops/conv/algorithm.h"
#include "ops/conv/algorithm_cost.h"
#include "ops/conv/winograd_matrices.h"

namespace bitale::ops {

using namespace ir;

namespace {

// The products of the elements of two matrices, [rows of a, rows of b, columns of a, columns of b] in `shape`.
Tensor kronecker(const SmallMatrix& a, const SmallMatrix& b, DType dtype, Extents shape, bool reversed = false) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < b.rows; ++j)
      for (std::int64_t k = 0; k < a.columns; ++k)
        for (std::int64_t l = 0; l < b.columns; ++l)
          values.push_back(a.at(i, reversed ? a.columns - 1 - k : k) * b.at(j, reversed ? b.columns - 1 - l : l));
  if (dtype == DType::f64) return constant(Array::of<double>(values, std::move(shape)));
  const std::vector<float> single(values.begin(), values.end());
  return constant(Array::of<float>(single, std::move(shape)));
}

// With rows turned around instead.
SmallMatrix rows_reversed(const SmallMatrix& m) {
  SmallMatrix out(m.rows, m.columns);
  for (std::int64_t i = 0; i < m.rows; ++i)
    for (std::int64_t k = 0; k < m.columns; ++k) out.at(i, k) = m.at(m.rows - 1 - i, k);
  return out;
}

// Zeros behind the spatial axes, up to these extents.
Tensor padded_to(const Tensor& t, const Dim& height, const Dim& width) {
  if (t.dim(2) == height && t.dim(3) == width) return t;
  return pad(t, {0, 0, 0, 0}, {t.dim(0), t.dim(1), height, width}, {1, 1, 1, 1});
}

class Winograd {
 public:
  explicit Winograd(const ConvCall& call)
      : c_(call),
        tile_(winograd_tile(call)),
        groups_(call.params.groups),
        channels_(call.image_channels()),
        filters_(call.filters_per_group()),
        images_(call.image_shape[0]) {
    for (std::size_t k = 0; k < 2; ++k) {
      taps_[k] = c_.filters_shape[2 + k].value();
      points_[k] = tile_[k] + taps_[k] - 1;
      tiles_[k] = ceildiv(c_.result_shape[2 + k], tile_[k]);
    }
  }

  Tensor result() {
    const WinogradMatrices y = winograd_matrices(tile_[0], taps_[0]), x = winograd_matrices(tile_[1], taps_[1]);
    const Tensor v = image_tiles(y, x);
    const Tensor filter =
        kronecker(y.filter, x.filter, c_.dtype, {points_[0] * points_[1], taps_[0] * taps_[1]}, c_.params.flip);
    const Tensor w = reshape(c_.filters, {groups_, filters_, channels_, taps_[0] * taps_[1]});
    const Tensor u = dot_general(filter, w, {{}, {}, {1}, {3}});     // [points, g, f, c]
    const Tensor m = dot_general(u, v, {{0, 1}, {3, 1}, {3}, {2}});  // [points, g, f, n, tiles]
    const Tensor output = kronecker(y.output, x.output, c_.dtype, {tile_[0], tile_[1], points_[0] * points_[1]});
    const Tensor tiles = dot_general(output, m, {{}, {}, {2}, {0}});  // [tile, g, f, n, tiles]
    const Tensor ordered = transpose(tiles, {4, 2, 3, 5, 0, 6, 1});   // [n, g, f, tiles0, tile0, ...]
    const Shape whole{images_, groups_ * filters_, tiles_[0] * tile_[0], tiles_[1] * tile_[1]};
    return slice(reshape(ordered, whole), {0, 0, 0, 0}, c_.result_shape, {1, 1, 1, 1});
  }

  Tensor filters() {
    const WinogradMatrices y = winograd_matrices(taps_[0], tile_[0]), x = winograd_matrices(taps_[1], tile_[1]);
    const Tensor v = image_tiles(y, x);
    const Tensor dy = padded_to(c_.result, tiles_[0] * tile_[0], tiles_[1] * tile_[1]);
    const Tensor bank = kronecker(y.filter, x.filter, c_.dtype, {points_[0] * points_[1], 1, tile_[0], tile_[1]});
    const Tensor u = in_tiles(dy, bank, filters_);
    const Tensor m = dot_general(u, v, {{3, 1}, {3, 1}, {0, 4, 5}, {0, 4, 5}});  // [points, g, f, c]
    const bool flip = c_.params.flip;
    const Tensor output =
        kronecker(flip ? rows_reversed(y.output) : y.output, flip ? rows_reversed(x.output) : x.output, c_.dtype,
                  {taps_[0], taps_[1], points_[0] * points_[1]});
    const Tensor taps = dot_general(output, m, {{}, {}, {2}, {0}});  // [taps, g, f, c]
    return reshape(transpose(taps, {2, 3, 4, 0, 1}), c_.filters_shape);
  }

 private:
  Tensor image_tiles(const WinogradMatrices& y, const WinogradMatrices& x) const {
    const Tensor image = padded_to(c_.image, tiles_[0] * tile_[0] + taps_[0] - 1, tiles_[1] * tile_[1] + taps_[1] - 1);
    return in_tiles(image, kronecker(y.input, x.input, c_.dtype, {points_[0] * points_[1], 1, points_[0], points_[1]}),
                    channels_);
  }

  // Every plane of t under every filter of the bank, at steps of a tile: [n, g, channels, points, tiles...].
  Tensor in_tiles(const Tensor& t, const Tensor& bank, const Dim& channels) const {
    ConvParams p;
    p.stride = {tile_[0], tile_[1]};
    const Tensor planes = reshape(t, {images_ * groups_ * channels, 1, t.dim(2), t.dim(3)});
    return reshape(implicit_gemm(planes, bank, p),
                   {images_, groups_, channels, points_[0] * points_[1], tiles_[0], tiles_[1]});
  }

  const ConvCall& c_;
  const std::array<std::int64_t, 2> tile_;
  std::array<std::int64_t, 2> taps_{}, points_{};
  std::array<Dim, 2> tiles_;
  Dim groups_, channels_, filters_, images_;
};

}  // namespace

std::string why_not_winograd(const ConvCall& c) {
  if (c.params.axes() != 2) return "it is for two spatial axes";
  if (c.strided()) return "it is for strides and dilations of 1";
  for (std::size_t k = 0; k < 2; ++k) {
    const Dim& taps = c.filters_shape[2 + k];
    if (!taps.is(3) && !taps.is(5)) return "it is for windows of 3 or 5 elements along each axis";
  }
  return "";
}

// Of 2 and 4, the one with fewer products; 4 if that is not known.
std::array<std::int64_t, 2> winograd_tile(const ConvCall& c) {
  std::array<std::int64_t, 2> tile{4, 4};
  const Shape& tiled = c.computed == ConvRole::image ? c.image_shape : c.result_shape;
  for (std::size_t k = 0; k < 2; ++k) {
    const Dim& extent = tiled[2 + k];
    const std::int64_t taps = c.filters_shape[2 + k].value();
    if (!extent.is_constant()) continue;
    const auto products = [&](std::int64_t m) { return (extent.value() + m - 1) / m * (m + taps - 1); };
    if (products(2) < products(4)) tile[k] = 2;
  }
  return tile;
}

Tensor winograd(const ConvCall& c) {
  if (c.computed == ConvRole::filters) return Winograd(c).filters();
  const AsForward f = as_forward(c);
  return f.finish(Winograd(f.call).result());
}

}  // namespace bitale::ops
