#include "ops/api/checks.h"
#include "ops/conv/pool.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

bool PoolParams::tiles() const { return window == stride && padding == Shape(2 * axes(), 0) && !ceil; }

void check_pool(const TypeArgs& args, const PoolParams& p, bool extents) {
  args.require(p.axes() >= 1 && p.stride.size() == p.axes() && p.padding.size() == 2 * p.axes(),
               "window, stride and padding must have one, one and two entries per spatial axis");
  for (std::size_t k = 0; k < p.axes(); ++k) {
    args.require(p.window[k] >= 1, "the window is empty");
    args.require(p.stride[k] >= 1, "strides must be at least 1");
    for (std::size_t side = 0; side < 2; ++side) {
      const Dim& pad = p.padding[2 * k + side];
      require_at_least(args, pad, 0, "padding must not be negative");
      require_at_least(args, p.window[k] - 1, pad, "padding must be smaller than the window");
    }
  }
  args.require(p.extents.size() == (extents ? p.axes() : 0), "wrong number of extents");
  for (int i = 0; i < args.count(); ++i)
    args.require(args.type(i).shape.size() >= p.axes(),
                 "operand " + std::to_string(i) + " must have rank " + std::to_string(p.axes()) + " at least");
}

Shape pool_positions(const TypeArgs& args, const PoolParams& p, const Shape& image) {
  Shape out;
  for (std::size_t k = 0; k < p.axes(); ++k) {
    const Dim& n = image[image.size() - p.axes() + k];
    const Dim &before = p.padding[2 * k], pads = before + p.padding[2 * k + 1];
    require_at_least(args, n, max(p.window[k] - pads, 1), "the window is larger than the (padded) input");
    const Dim room = n + (pads - p.window[k]);
    const Dim floor = floordiv(room, p.stride[k]) + 1;
    out.push_back(p.ceil ? min(ceildiv(room, p.stride[k]) + 1, floordiv(n + (before - 1), p.stride[k]) + 1) : floor);
  }
  return out;
}

std::vector<TensorType> pooled_type(const TypeArgs& args, std::optional<DType> dtype) {
  args.require_count(1);
  const auto& p = args.params_as<PoolParams>();
  check_pool(args, p, false);
  require_float(args, 0);
  const Shape& x = args.type(0).shape;
  return {{dtype.value_or(args.type(0).dtype), with_last(x, pool_positions(args, p, x))}};
}

TensorType image_type(const TypeArgs& args, const PoolParams& p, int i) {
  const Shape &dy = args.type(i).shape, positions = pool_positions(args, p, p.extents);
  for (std::size_t k = 0; k < p.axes(); ++k)
    args.unify(dy[dy.size() - p.axes() + k], positions[k], "the cotangent must be that of the pooled image");
  return {args.type(i).dtype, with_last(dy, p.extents)};
}

PoolParams with_image(PoolParams params, const Shape& image) {
  params.extents = last_extents(image, params.axes());
  return params;
}

Shape last_extents(const Shape& shape, std::size_t axes) {
  return {shape.end() - static_cast<std::ptrdiff_t>(axes), shape.end()};
}

Shape with_last(const Shape& shape, const Shape& extents) {
  Shape out(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(extents.size()));
  out.insert(out.end(), extents.begin(), extents.end());
  return out;
}

Index window_element(const PoolParams& p, std::size_t k, const Index& position, const Index& i) {
  return position * p.stride[k] + i - Index(p.padding[2 * k]);
}

void add_window_bound(const PoolParams& p, std::size_t k, std::vector<IndexBound>& bounds, const Index& index,
                      const Dim& upper) {
  if (p.ceil || !p.padding[2 * k].is(0) || !p.padding[2 * k + 1].is(0)) bounds.push_back({index, upper});
}

WindowElement element_under(Element& e, const PoolParams& p, const Shape& image, std::span<const Index> at) {
  WindowElement w{e.index(), {}};
  for (std::size_t k = 0; k < p.axes(); ++k) {
    const std::size_t axis = image.size() - p.axes() + k;
    w.index[axis] = window_element(p, k, w.index[axis], at[k]);
    add_window_bound(p, k, w.bounds, w.index[axis], image[axis]);
  }
  return w;
}

// Along one axis with padded index t = h + before, the windows that can cover t are the ceil(k/s) last ones that begin
// at or before it: p = floordiv(t, s) - a, and t is element t - p*s of window p, if that is below k and 0 <= p <
// positions.
Expr sum_over_windows(Element& e, const PoolParams& p, const Shape& result,
                      const std::function<Expr(const std::vector<IndexBound>&, const std::vector<Index>&,
                                               std::span<const Index>)>& term) {
  const std::size_t lead = result.size() - p.axes();
  std::vector<Dim> counts;
  for (std::size_t k = 0; k < p.axes(); ++k) counts.push_back((p.window[k] + p.stride[k] - 1) / p.stride[k]);
  return e.reduce(Combiner::sum, counts, [&](std::span<const Index> back) {
    std::vector<Index> at(e.index().begin(), e.index().begin() + static_cast<std::ptrdiff_t>(lead)), elements;
    std::vector<IndexBound> bounds;
    for (std::size_t k = 0; k < p.axes(); ++k) {
      const Index t = e.index()[lead + k] + Index(p.padding[2 * k]);
      const Index position = floordiv(t, p.stride[k]) - back[k];
      const Index element = t - position * p.stride[k];
      bounds.push_back({position, result[lead + k]});
      bounds.push_back({element, p.window[k]});
      at.push_back(position);
      elements.push_back(element);
    }
    return term(bounds, at, elements);
  });
}

Tensor tiles_of(const Tensor& y, const PoolParams& p) {
  const std::size_t lead = y.shape().size() - p.axes();
  Shape narrow(y.shape().begin(), y.shape().begin() + static_cast<std::ptrdiff_t>(lead)), wide = narrow;
  for (std::size_t k = 0; k < p.axes(); ++k) {
    const Dim& positions = y.shape()[lead + k];
    narrow.insert(narrow.end(), {positions, 1});
    wide.insert(wide.end(), {positions, p.window[k]});
  }
  return broadcast_to(reshape(y, narrow), wide);
}

Tensor image_of_tiles(const Tensor& values, const PoolParams& p) {
  const Shape& s = values.shape();
  const std::size_t lead = s.size() - 2 * p.axes();
  Shape covered(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(lead));
  for (std::size_t k = 0; k < p.axes(); ++k) covered.push_back(s[lead + 2 * k] * s[lead + 2 * k + 1]);
  const Tensor tiled = reshape(values, covered);
  const Shape whole = with_last(covered, p.extents);
  if (whole == covered) return tiled;
  return pad(tiled, Shape(whole.size(), 0), whole, std::vector<std::int64_t>(whole.size(), 1));
}

PoolParams pool_params(const WindowOp& op, const Tensor& x, const PoolOptions& o) {
  op.require_images(x);
  PoolParams p;
  p.window = op.per_axis("window", o.window, 2);
  p.stride = o.stride.empty() ? p.window : op.per_axis("stride", o.stride, 1);
  p.padding = padding_of(op, o.padding, last_extents(x.shape(), op.axes), p.window_shape(), p.stride);
  p.ceil = o.ceil;
  p.count_padding = o.count_padding;
  return p;
}

Extents PoolCase::result() const {
  const std::size_t axes = shape.size() - 2;
  const PoolParams p = pool_params({"", axes, {}}, ir::input("x", {DType::f32, {shape.begin(), shape.end()}}), options);
  Extents out = shape;
  for (std::size_t k = 0; k < axes; ++k) {
    const std::int64_t before = p.padding[2 * k].value(), n = shape[2 + k];
    const std::int64_t room = n + before + p.padding[2 * k + 1].value() - p.window[k], stride = p.stride[k];
    out[2 + k] =
        options.ceil ? std::min((room + stride - 1) / stride, (n + before - 1) / stride) + 1 : room / stride + 1;
  }
  return out;
}

std::vector<PoolCase> pool_cases(bool count_padding) {
  std::vector<PoolCase> cases{
      {"tiles", {2, 3, 4, 6}, {.window = {2, 3}}},
      {"tiles with a border", {3, 4, 5, 7}, {.window = {2, 3}}},
      {"overlap", {1, 2, 6, 7}, {.window = {3}, .stride = {2, 1}}},
      {"gaps", {1, 1, 8, 7}, {.window = {2, 1}, .stride = {3, 2}}},
      {"padding", {1, 2, 5, 4}, {.window = {3, 2}, .stride = {2}, .padding = {1, 2, 0, 1}}},
      {"padding counts",
       {1, 2, 5, 4},
       {.window = {3, 2}, .stride = {2}, .padding = {1, 2, 0, 1}, .count_padding = true}},
      {"ceil", {1, 2, 6, 7}, {.window = {3}, .stride = {2}, .ceil = true}},
      {"ceil with padding",
       {1, 1, 6, 5},
       {.window = {3}, .stride = {2, 3}, .padding = {1, 1, 1, 0}, .ceil = true, .count_padding = true}},
      {"window of the padded image", {2, 1, 1, 2}, {.window = {3}, .stride = {1}, .padding = {1, 1, 0, 1}}},
      {"same", {1, 2, 5, 8}, {.window = {3, 2}, .stride = {2, 3}, .padding = Padding::same}},
      {"1d", {2, 3, 7}, {.window = {3}, .stride = {2}, .padding = {1, 0}}},
      {"1d tiles", {2, 3, 6}, {}},
      {"3d", {1, 2, 3, 4, 5}, {.window = {2, 2, 3}, .stride = {1, 2, 2}, .padding = {0, 1, 1}}},
      {"3d tiles", {1, 2, 3, 4, 6}, {.window = {1, 2, 3}}},
  };
  if (!count_padding) std::erase_if(cases, [](const PoolCase& c) { return c.options.count_padding; });
  return cases;
}

}  // namespace bitale::ops
