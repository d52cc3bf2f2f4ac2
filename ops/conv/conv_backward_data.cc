#include "ops/api/checks.h"
#include "ops/conv/algorithm.h"
#include "ops/conv/conv.h"
#include "ops/conv/conv_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<ConvParams>();
  check_conv_operands(args, p, true);
  const Shape &w = args.type(0).shape, &y = args.type(1).shape;
  divide(args, w[0], p.groups, "the number of filters must be a multiple of the groups");
  args.unify(y[1], w[0], "the cotangent's channels must be as many as the filters");
  unify_positions(args, y, window_positions(args, p, p.extents, spatial(w)));
  return {{args.type(0).dtype, with_spatial({y[0], w[1] * p.groups}, p.extents)}};
}

// The windows are disjoint and cover the image: every element is touched by exactly one of them.
bool tiles(const ConvParams& p, const Shape& filters, const Shape& result) {
  for (std::size_t k = 0; k < p.axes(); ++k)
    if (p.dilation[k] != 1 || !filters[2 + k].is(p.stride[k]) || !(result[2 + k] * p.stride[k] == p.extents[k]))
      return false;
  return true;
}

ContractionDef contraction(const Node& node) {
  const auto& p = node.params_as<ConvParams>();
  const Shape &filters = node.input(0).shape(), &result = node.input(1).shape();
  ConvSpace s = conv_space(p, filters, result);
  return {s.extents, s.filters, s.result, s.image, !tiles(p, filters, result)};
}

std::vector<Tensor> vjp(const Vjp& v) {
  const auto& p = v.node.params_as<ConvParams>();
  const Tensor &w = v.in(0), &result = v.in(1);
  return {or_automatic(conv_unpadded_filters(v.dy(), result, p, spatial(w.shape()))),
          or_automatic(conv_unpadded(v.dy(), w, p))};
}

std::vector<Tensor> jvp(const Jvp& v) {
  const auto& p = v.node.params_as<ConvParams>();
  return {accumulate(v.dx(0) ? conv_unpadded_data(v.in(1), v.dx(0), p, p.extents) : Tensor(),
                     v.dx(1) ? conv_unpadded_data(v.dx(1), v.in(0), p, p.extents) : Tensor())};
}

// The position whose window has image element `t` under the tap, if there is one.
std::optional<Extents> position_of(const ConvParams& p, const Extents& t, const Extents& tap,
                                   const Extents& positions) {
  Extents at(t.size());
  for (std::size_t k = 0; k < t.size(); ++k) {
    const std::int64_t start = t[k] - tap[k] * p.dilation[k];
    if (start < 0 || start % p.stride[k] != 0 || start / p.stride[k] >= positions[k]) return std::nullopt;
    at[k] = start / p.stride[k];
  }
  return at;
}

// The transpose, by asking of each image element which result elements it went into.
void reference(const Reference& r) {
  const auto& p = r.node.params_as<ConvParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto w = elements<T>(r.inputs[0]), dy = elements<T>(r.inputs[1]);
    const auto out = elements<T>(r.outputs[0]);
    const Extents taps = spatial_extents(w.shape, p.axes()), positions = spatial_extents(dy.shape, p.axes());
    const std::int64_t groups = group_count(out.shape[1], w.shape[1]), filters_per_group = w.shape[0] / groups;
    for (std::int64_t n = 0; n < out.shape[0]; ++n)
      for (std::int64_t channel = 0; channel < out.shape[1]; ++channel)
        for_each_index(spatial_extents(out.shape, p.axes()), [&](const Extents& t) {
          double total = 0;
          for (std::int64_t f = 0; f < filters_per_group; ++f)
            for_each_index(taps, [&](const Extents& tap) {
              const std::int64_t filter = channel / w.shape[1] * filters_per_group + f, c = channel % w.shape[1];
              if (const auto position = position_of(p, t, tap, positions))
                total += static_cast<double>(dy(n, filter, *position)) * w(filter, c, filter_element(p, taps, tap));
            });
          out(n, channel, t) = static_cast<T>(total);
        });
  });
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const ConvCase& c : conv_cases())
    out.push_back({c.name, {{c.filters()}, {c.result()}}, [c](std::span<const Tensor> in) {
                     return std::vector{
                         conv_backward_data(in[1], in[0], {c.extents.begin(), c.extents.end()}, c.options)};
                   }});
  return out;
}

}  // namespace

// conv_backward_data(filters [F, C/groups, taps...], dy [N, F, positions...]; image extents) -> [N, C, image...]: the
// cotangent of conv's image, also called transposed convolution. Image elements that no window reaches get 0. As a
// matrix product, rows are (c, taps) and columns are pixels of dy (the filters come first for that). Errors: as conv,
// and positions that are not the extents of conv's result for the image.
const OpDef conv_backward_data_op{
    .name = "conv_backward_data",
    .doc = "the gradient of conv1d, conv2d and conv3d in their images",
    .type = type_rule,
    .contraction = contraction,
    .vjp = vjp,
    .jvp = jvp,
    .batch = [](const Batch& v) { return batch_conv(v, ConvRole::filters, ConvRole::result, ConvRole::image); },
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(ConvParams{}); },
};

Tensor conv_unpadded_data(const Tensor& result, const Tensor& filters, ConvParams params, Shape extents,
                          SourceLine line) {
  params.extents = std::move(extents);
  return apply1(conv_backward_data_op, make_params(std::move(params)), {filters, result}, line);
}

Tensor conv_data(const WindowOp& op, const Tensor& dy, const Tensor& filters, const Shape& extents,
                 const Shape& padding, const ConvParams& params) {
  Shape padded = extents, starts{0, 0};
  bool crop = false;
  for (std::size_t k = 0; k < op.axes; ++k) {
    padded[k] = extents[k] + padding[2 * k] + padding[2 * k + 1];
    starts.push_back(padding[2 * k]);
    crop = crop || !padding[2 * k].is(0) || !padding[2 * k + 1].is(0);
  }
  const Tensor whole = conv_unpadded_data(dy, filters, params, padded, op.line);
  require_algorithm(op, whole);
  if (!crop) return whole;
  return slice(whole, starts, with_spatial({whole.dim(0), whole.dim(1)}, extents),
               std::vector<std::int64_t>(starts.size(), 1), op.line);
}

Tensor conv_backward_data(const Tensor& dy, const Tensor& filters, const Shape& extents, const ConvOptions& options,
                          SourceLine line) {
  const WindowOp op{"conv_backward_data", extents.size(), line};
  op.require_images(dy);
  op.require_filters(filters);
  const ConvParams p = conv_params(op, options);
  return conv_data(op, dy, filters, extents, conv_padding(op, p, options.padding, extents, spatial(filters.shape())),
                   p);
}

}  // namespace bitale::ops
