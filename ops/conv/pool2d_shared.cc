#include "ops/api/checks.h"
#include "ops/conv/pool2d.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

bool Pool2dParams::tiles() const { return window == stride && padding == std::vector<std::int64_t>(4, 0) && !ceil; }

void check_pool2d(const TypeArgs& args, const Pool2dParams& p, int extents) {
  args.require(p.window.size() == 2 && p.stride.size() == 2 && p.padding.size() == 4,
               "window, stride and padding must have 2, 2 and 4 entries");
  for (std::size_t k = 0; k < 2; ++k) {
    args.require(p.window[k] >= 1, "the window is empty");
    args.require(p.stride[k] >= 1, "strides must be at least 1");
    for (std::size_t side = 0; side < 2; ++side) {
      const std::int64_t pad = p.padding[2 * k + side];
      args.require(pad >= 0, "padding must not be negative");
      args.require(pad < p.window[k], "padding must be smaller than the window");
    }
  }
  args.require(static_cast<int>(p.extents.size()) == extents, "wrong number of extents");
  for (int i = 0; i < args.count(); ++i)
    args.require(args.type(i).rank() >= 2, "operand " + std::to_string(i) + " must have rank 2 at least");
}

Dim pool_positions(const TypeArgs& args, const Pool2dParams& p, std::size_t k, const Dim& n) {
  const std::int64_t before = p.padding[2 * k], pads = before + p.padding[2 * k + 1];
  require_at_least(args, n, std::max<std::int64_t>(p.window[k] - pads, 1),
                   "the window is larger than the (padded) input");
  const Dim room = n + (pads - p.window[k]);
  if (!p.ceil) return floordiv(room, p.stride[k]) + 1;
  return min(floordiv(room + (p.stride[k] - 1), p.stride[k]) + 1, floordiv(n + (before - 1), p.stride[k]) + 1);
}

std::vector<TensorType> pooled_type(const TypeArgs& args, std::optional<DType> dtype) {
  args.require_count(1);
  const auto& p = args.params_as<Pool2dParams>();
  check_pool2d(args, p, 0);
  require_float(args, 0);
  const Shape& x = args.type(0).shape;
  const std::size_t rank = x.size();
  return {{dtype.value_or(args.type(0).dtype),
           with_plane(x, pool_positions(args, p, 0, x[rank - 2]), pool_positions(args, p, 1, x[rank - 1]))}};
}

Pool2dParams with_image(Pool2dParams params, const Shape& image) {
  params.extents = {image[image.size() - 2], image[image.size() - 1]};
  return params;
}

Shape with_plane(const Shape& shape, Dim height, Dim width) {
  Shape out(shape.begin(), shape.end() - 2);
  out.push_back(std::move(height));
  out.push_back(std::move(width));
  return out;
}

Index window_element(const Pool2dParams& p, std::size_t k, const Index& position, const Index& i) {
  return position * p.stride[k] + i - Index(Dim(p.padding[2 * k]));
}

void add_window_bound(const Pool2dParams& p, std::size_t k, std::vector<IndexBound>& bounds, const Index& index,
                      const Dim& upper) {
  if (p.ceil || p.padding[2 * k] != 0 || p.padding[2 * k + 1] != 0) bounds.push_back({index, upper});
}

// Along one axis with padded index t = h + pad, the windows that can cover t are the ceil(k/s) last ones that begin at
// or before it: p = floordiv(t, s) - a, and t is element t - p*s of window p, if that is below k and 0 <= p <
// positions.
Expr sum_over_windows(Element& e, const Pool2dParams& p, const Shape& result,
                      const std::function<Expr(const std::vector<IndexBound>&, const std::vector<Index>&, const Index&,
                                               const Index&)>& term) {
  const std::size_t rank = result.size();
  std::vector<Dim> counts;
  for (std::size_t k = 0; k < 2; ++k) counts.push_back((p.window[k] + p.stride[k] - 1) / p.stride[k]);
  return e.reduce(Combiner::sum, counts, [&](std::span<const Index> back) {
    std::vector<Index> at(e.index().begin(), e.index().end() - 2), elements;
    std::vector<IndexBound> bounds;
    for (std::size_t k = 0; k < 2; ++k) {
      const Index t = e.index()[rank - 2 + k] + Index(Dim(p.padding[2 * k]));
      const Index position = floordiv(t, p.stride[k]) - back[k];
      const Index element = t - position * p.stride[k];
      bounds.push_back({position, result[rank - 2 + k]});
      bounds.push_back({element, p.window[k]});
      at.push_back(position);
      elements.push_back(element);
    }
    return term(bounds, at, elements[0], elements[1]);
  });
}

Tensor image_of_tiles(const Tensor& values, const Pool2dParams& p) {
  const Shape& s = values.shape();
  const std::size_t lead = s.size() - 4;
  Shape covered(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(lead));
  covered.push_back(s[lead] * s[lead + 1]);
  covered.push_back(s[lead + 2] * s[lead + 3]);
  const Tensor tiled = reshape(values, covered);
  const Shape whole = with_plane(covered, p.extents[0], p.extents[1]);
  if (whole == covered) return tiled;
  return pad(tiled, Shape(whole.size(), 0), whole, std::vector<std::int64_t>(whole.size(), 1));
}

Pool2dParams pool2d_params(const char* op, const Tensor& x, const Pool2dOptions& o, SourceLine line) {
  if (x && x.rank() != 4)
    throw Error(std::string(op) + ": expected [N, C, H, W], got " + describe(x) +
                (line ? ", at " + to_string(line) : ""));
  return {{o.window.begin(), o.window.end()},
          {o.stride.begin(), o.stride.end()},
          {o.padding.begin(), o.padding.end()},
          o.ceil,
          o.count_padding,
          {}};
}

Extents Pool2dCase::result() const {
  Extents out = shape;
  for (std::size_t k = 0; k < 2; ++k) {
    const std::int64_t window = options.window[k], stride = options.stride[k], before = options.padding[2 * k],
                       n = shape[2 + k];
    const std::int64_t room = n + before + options.padding[2 * k + 1] - window;
    out[2 + k] =
        options.ceil ? std::min((room + stride - 1) / stride, (n + before - 1) / stride) + 1 : room / stride + 1;
  }
  return out;
}

std::vector<Pool2dCase> pool2d_cases() {
  return {
      {"tiles", {2, 3, 4, 6}, {.window = {2, 3}, .stride = {2, 3}}},
      {"tiles with a border", {3, 4, 5, 7}, {.window = {2, 3}, .stride = {2, 3}}},
      {"overlap", {1, 2, 6, 7}, {.window = {3, 3}, .stride = {2, 1}}},
      {"gaps", {1, 1, 8, 7}, {.window = {2, 1}, .stride = {3, 2}}},
      {"padding", {1, 2, 5, 4}, {.window = {3, 2}, .stride = {2, 2}, .padding = {1, 2, 0, 1}}},
      {"padding counts",
       {1, 2, 5, 4},
       {.window = {3, 2}, .stride = {2, 2}, .padding = {1, 2, 0, 1}, .count_padding = true}},
      {"ceil", {1, 2, 6, 7}, {.window = {3, 3}, .stride = {2, 2}, .ceil = true}},
      {"ceil with padding",
       {1, 1, 6, 5},
       {.window = {3, 3}, .stride = {2, 3}, .padding = {1, 1, 1, 0}, .ceil = true, .count_padding = true}},
      {"window of the padded image", {2, 1, 1, 2}, {.window = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 0, 1}}},
  };
}

}  // namespace bitale::ops
