// The algorithm winograd: results in tiles of m0 x m1, each from points = (m0 + taps0 - 1) x (m1 + taps1 - 1) products
// per pair of channels (Lavin and Gray, "Fast algorithms for convolutional neural networks"). As a graph:
//
//     V = input matrices applied to every tile of the image     along one axis, then along the other
//     U = filter matrices applied to every filter               a product with a constant
//     M[point] = V[point] U[point]                              one product of matrices per point and group
//     result = output matrices applied to M                     along one axis, then along the other; tiles side by
//     side
//
// Channels lie innermost between the first step and the last, so that transforms run in lanes of them. V and M are
// several times as large as what they are made of, so all of it is done for a few images at a time, by a scan in
// blocks: they stay in the caches. Tiles that reach beyond the image read zeros, and what they give beyond the result
// is cut off. The gradient in the image is such a convolution itself; that in the filters has the roles of filters and
// result exchanged: its "filters" are the tiles of the cotangent, its outputs the taps, and M sums over images and
// tiles, block by block.
#include <algorithm>

#include "ops/conv/algorithm.h"
#include "ops/conv/algorithm_cost.h"
#include "ops/conv/image_blocks.h"
#include "ops/conv/winograd_matrices.h"

namespace bitale::ops {

using namespace ir;

namespace {

// Images of a block: at least as many as fill the rows of a product, and as many as keep V and M of two cores in their
// caches. Sums over images take more, because each block adds to M, which is larger than they are.
constexpr std::int64_t least_tiles = 64, least_tiles_summed = 256;

Tensor numbers(const std::vector<double>& values, DType dtype, Extents shape) {
  if (dtype == DType::f64) return constant(Array::of<double>(values, std::move(shape)));
  const std::vector<float> single(values.begin(), values.end());
  return constant(Array::of<float>(single, std::move(shape)));
}

// The products of the elements of two matrices, [rows of a, rows of b, columns of a, columns of b] in `shape`.
Tensor kronecker(const SmallMatrix& a, const SmallMatrix& b, DType dtype, Extents shape, bool reversed) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < b.rows; ++j)
      for (std::int64_t k = 0; k < a.columns; ++k)
        for (std::int64_t l = 0; l < b.columns; ++l)
          values.push_back(a.at(i, reversed ? a.columns - 1 - k : k) * b.at(j, reversed ? b.columns - 1 - l : l));
  return numbers(values, dtype, std::move(shape));
}

// With rows turned around instead.
SmallMatrix rows_reversed(const SmallMatrix& m) {
  SmallMatrix out(m.rows, m.columns);
  for (std::int64_t i = 0; i < m.rows; ++i)
    for (std::int64_t k = 0; k < m.columns; ++k) out.at(i, k) = m.at(m.rows - 1 - i, k);
  return out;
}

// The matrix applied to every window of as many elements as it has columns along the axis, `step` apart: windows
// instead of elements along the axis, and a new axis for the matrix's rows, which lies at `place` of the result.
Tensor transformed(const SmallMatrix& matrix, const Tensor& x, std::int64_t axis, std::int64_t step,
                   std::int64_t place) {
  const auto rank = static_cast<std::int64_t>(x.rank());
  std::vector<std::int64_t> last, order;
  for (std::int64_t k = 0; k < rank; ++k)
    if (k != axis) last.push_back(k);
  last.push_back(axis);
  const Tensor cut = windows(transpose(x, last), {matrix.columns}, {step});  // [others, columns, positions]
  for (std::int64_t k = 0; k + 1 < rank; ++k) order.push_back(k);
  order.insert(order.begin() + axis, rank);
  order.push_back(rank - 1);
  const Tensor placed = transpose(cut, order);  // [axes of x, columns]
  Shape table(placed.shape().size() + 1, Dim(1)), lines = placed.shape(), whole = lines;
  table[static_cast<std::size_t>(place)] = matrix.rows;
  table.back() = matrix.columns;
  lines.insert(lines.begin() + place, Dim(1));
  whole.insert(whole.begin() + place, Dim(matrix.rows));
  const Tensor coefficients = numbers(matrix.values, x.dtype(), {matrix.rows, matrix.columns});
  return sum(mul(broadcast_to(reshape(coefficients, table), whole), broadcast_to(reshape(placed, lines), whole)),
             {rank + 1});
}

// The same where the axis is one window, which then disappears; `place` is that in the result.
Tensor transformed(const SmallMatrix& matrix, const Tensor& x, std::int64_t axis, std::int64_t place) {
  const std::int64_t before = place <= axis ? 1 : 0;
  const Tensor t = transformed(matrix, x, axis, matrix.columns, before ? place : place + 1);
  Shape shape = t.shape();
  shape.erase(shape.begin() + axis + before);
  return reshape(t, shape);
}

// [n, c, height, width] as [n, height, width, c], with zeros behind the spatial axes up to these extents.
Tensor channels_last(const Tensor& t, const Dim& height, const Dim& width) {
  const Tensor whole = t.dim(2) == height && t.dim(3) == width
                           ? t
                           : pad(t, {0, 0, 0, 0}, {t.dim(0), t.dim(1), height, width}, {1, 1, 1, 1});
  return in_memory(transpose(whole, {0, 2, 3, 1}));
}

class Winograd {
 public:
  explicit Winograd(const ConvCall& call)
      : c_(call),
        tile_(winograd_tile(call)),
        groups_(call.params.groups),
        channels_(call.image_channels()),
        filters_(call.filters_per_group()) {
    for (std::size_t k = 0; k < 2; ++k) {
      taps_[k] = c_.filters_shape[2 + k].value();
      points_[k] = tile_[k] + taps_[k] - 1;
      tiles_[k] = ceildiv(c_.result_shape[2 + k], tile_[k]);
    }
  }

  Tensor result() const {
    const WinogradMatrices y = winograd_matrices(tile_[0], taps_[0]), x = winograd_matrices(tile_[1], taps_[1]);
    const Tensor filter =
        kronecker(y.filter, x.filter, c_.dtype, {points_[0] * points_[1], taps_[0] * taps_[1]}, c_.params.flip);
    const Tensor w = reshape(c_.filters, {groups_, filters_, channels_, taps_[0] * taps_[1]});
    const Tensor u = dot_general(filter, w, {{}, {}, {1}, {3}});  // [points, g, f, c]
    return blocks(least_tiles).each([&](const Tensor& images) { return of_images(images, u, y, x); });
  }

  Tensor filters() const {
    const WinogradMatrices y = winograd_matrices(taps_[0], tile_[0]), x = winograd_matrices(taps_[1], tile_[1]);
    const Tensor m = blocks(least_tiles_summed).sum([&](const Tensor& images, const Tensor& results) {
      return products_of_tiles(images, results, y, x);
    });  // [points, g, c, f]
    const bool flip = c_.params.flip;
    const Tensor points = reshape(m, {points_[0], points_[1], groups_, channels_, filters_});
    const Tensor along_x = transformed(flip ? rows_reversed(x.output) : x.output, points, 1, 1);
    const Tensor taps = transformed(flip ? rows_reversed(y.output) : y.output, along_x, 0, 0);  // [taps, taps, g, c, f]
    return reshape(transpose(taps, {2, 4, 3, 0, 1}), c_.filters_shape);
  }

 private:
  Tensor of_images(const Tensor& rows, const Tensor& u, const WinogradMatrices& y, const WinogradMatrices& x) const {
    const Dim images = rows.dim(0);
    const Tensor v = image_tiles(rows, y, x);                        // [points, n, tiles, g, c]
    const Tensor m = dot_general(v, u, {{0, 4}, {0, 1}, {5}, {3}});  // [points, g, n, tiles, f]
    const Tensor points = reshape(m, {points_[0], points_[1], groups_, images, tiles_[0], tiles_[1], filters_});
    // [points0, n, tiles0, tiles1, tile1, g, f], then [n, tiles0, tile0, tiles1, tile1, g, f]
    const Tensor along_x = transformed(x.output, transpose(points, {0, 3, 4, 5, 1, 2, 6}), 4, 4);
    const Tensor tiles = transformed(y.output, along_x, 0, 2);
    const Tensor whole = reshape(tiles, {images, tiles_[0] * tile_[0], tiles_[1] * tile_[1], groups_ * filters_});
    Shape shape = c_.result_shape;
    shape[0] = images;
    return slice(transpose(whole, {0, 3, 1, 2}), {0, 0, 0, 0}, shape, {1, 1, 1, 1});
  }

  Tensor products_of_tiles(const Tensor& rows, const Tensor& result, const WinogradMatrices& y,
                           const WinogradMatrices& x) const {
    const Tensor v = image_tiles(rows, y, x);  // [points, n, tiles, g, c]
    const Tensor dy = channels_last(result, tiles_[0] * tile_[0], tiles_[1] * tile_[1]);
    const Tensor u = in_tiles(dy, y.filter, x.filter, filters_);       // [points, n, tiles, g, f]
    return dot_general(v, u, {{0, 4}, {0, 4}, {1, 2, 3}, {1, 2, 3}});  // [points, g, c, f]
  }

  Tensor image_tiles(const Tensor& rows, const WinogradMatrices& y, const WinogradMatrices& x) const {
    const Tensor image = channels_last(rows, tiles_[0] * tile_[0] + taps_[0] - 1, tiles_[1] * tile_[1] + taps_[1] - 1);
    return in_tiles(image, y.input, x.input, channels_);
  }

  // [n, height, width, g * channels] in tiles, a step apart, each under both matrices: [points, n, tiles, g, channels].
  Tensor in_tiles(const Tensor& t, const SmallMatrix& y, const SmallMatrix& x, const Dim& channels) const {
    const Tensor both = transformed(y, transformed(x, t, 2, tile_[1], 0), 2, tile_[0], 0);  // [points, n, ...]
    return reshape(both, {points_[0] * points_[1], t.dim(0), tiles_[0], tiles_[1], groups_, channels});
  }

  ImageBlocks blocks(std::int64_t least) const {
    const Dim tiles = tiles_[0] * tiles_[1], channels = groups_ * (channels_ + filters_);
    std::int64_t suited = 4;
    if (tiles.is_constant() && !tiles.is(0) && channels.is_constant()) {
      const std::int64_t for_products = (least + tiles.value() - 1) / tiles.value();
      const std::int64_t bytes = points_[0] * points_[1] * tiles.value() * std::max<std::int64_t>(channels.value(), 1) *
                                 static_cast<std::int64_t>(size_of(c_.dtype));
      suited = std::max(for_products, ImageBlocks::cache_bytes / bytes);
    }
    return ImageBlocks(c_, "winograd", suited);
  }

  const ConvCall& c_;
  const std::array<std::int64_t, 2> tile_;
  std::array<std::int64_t, 2> taps_{}, points_{};
  std::array<Dim, 2> tiles_;
  Dim groups_, channels_, filters_;
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
  const Shape tiled = c.computed == ConvRole::image ? c.image_extents() : spatial(c.result_shape);
  for (std::size_t k = 0; k < 2; ++k) {
    const Dim& extent = tiled[k];
    const std::int64_t taps = c.filters_shape[2 + k].value();
    if (!extent.is_constant()) continue;
    const auto products = [&](std::int64_t m) { return (extent.value() + m - 1) / m * (m + taps - 1); };
    if (products(2) < products(4)) tile[k] = 2;
  }
  return tile;
}

Tensor winograd(const ConvCall& c) {
  if (c.computed == ConvRole::filters) return Winograd(c).filters();
  AsForward f = as_forward(c);
  f.call.block = c.block;
  return f.finish(Winograd(f.call).result());
}

}  // namespace bitale::ops
