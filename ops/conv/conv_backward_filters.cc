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
  const Shape &x = args.type(0).shape, &y = args.type(1).shape;
  args.unify(x[0], y[0], "image and cotangent must have as many images");
  divide(args, y[1], p.groups, "the cotangent's channels must be a multiple of the groups");
  const Dim channels = divide(args, x[1], p.groups, "the image's channels must be a multiple of the groups");
  unify_positions(args, y, window_positions(args, p, spatial(x), p.extents));
  return {{args.type(0).dtype, with_spatial({y[1], channels}, p.extents)}};
}

ContractionDef contraction(const Node& node) {
  ConvSpace s = conv_space(node.params_as<ConvParams>(), node.type().shape, node.input(1).shape());
  return {s.extents, s.image, s.result, s.filters};
}

std::vector<Tensor> vjp(const Vjp& v) {
  const auto& p = v.node.params_as<ConvParams>();
  const Tensor& x = v.in(0);
  return {or_automatic(conv_unpadded_data(v.in(1), v.dy(), p, spatial(x.shape()))),
          or_automatic(conv_unpadded(x, v.dy(), p))};
}

std::vector<Tensor> jvp(const Jvp& v) {
  const auto& p = v.node.params_as<ConvParams>();
  return {accumulate(v.dx(0) ? conv_unpadded_filters(v.dx(0), v.in(1), p, p.extents) : Tensor(),
                     v.dx(1) ? conv_unpadded_filters(v.in(0), v.dx(1), p, p.extents) : Tensor())};
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<ConvParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = elements<T>(r.inputs[0]), dy = elements<T>(r.inputs[1]);
    const auto out = elements<T>(r.outputs[0]);
    const Extents taps = spatial_extents(out.shape, p.axes()), positions = spatial_extents(dy.shape, p.axes());
    const std::int64_t groups = group_count(x.shape[1], out.shape[1]), filters_per_group = out.shape[0] / groups;
    for (std::int64_t f = 0; f < out.shape[0]; ++f)
      for (std::int64_t c = 0; c < out.shape[1]; ++c)
        for_each_index(taps, [&](const Extents& tap) {
          const std::int64_t channel = f / filters_per_group * out.shape[1] + c;
          double total = 0;
          for (std::int64_t n = 0; n < dy.shape[0]; ++n)
            for_each_index(positions, [&](const Extents& position) {
              total += static_cast<double>(dy(n, f, position)) * x(n, channel, image_element(p, position, tap));
            });
          out(f, c, filter_element(p, taps, tap)) = static_cast<T>(total);
        });
  });
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const ConvCase& c : conv_cases())
    out.push_back({c.name, {{c.image()}, {c.result()}}, [c](std::span<const Tensor> in) {
                     return std::vector{conv_backward_filters(in[0], in[1], {c.taps.begin(), c.taps.end()}, c.options)};
                   }});
  return out;
}

}  // namespace

// conv_backward_filters(x [N, C, image...], dy [N, F, positions...]; taps) -> [F, C/groups, taps...]: the cotangent of
// conv's filters. Errors: as conv, and positions that are not the extents of conv's result.
const OpDef conv_backward_filters_op{
    .name = "conv_backward_filters",
    .doc = "the gradient of conv1d, conv2d and conv3d in their filters",
    .type = type_rule,
    .contraction = contraction,
    .vjp = vjp,
    .jvp = jvp,
    .batch = [](const Batch& v) { return batch_conv(v, ConvRole::image, ConvRole::result, ConvRole::filters); },
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(ConvParams{}); },
};

Tensor conv_unpadded_filters(const Tensor& image, const Tensor& result, ConvParams params, Shape taps,
                             SourceLine line) {
  params.extents = std::move(taps);
  return apply1(conv_backward_filters_op, make_params(std::move(params)), {image, result}, line);
}

Tensor conv_backward_filters(const Tensor& x, const Tensor& dy, const Shape& extents, const ConvOptions& options,
                             SourceLine line) {
  const WindowOp op{"conv_backward_filters", extents.size(), line};
  op.require_images(x);
  const ConvParams p = conv_params(op, options);
  const Shape padding = conv_padding(op, p, options.padding, spatial(x.shape()), extents);
  const Tensor out = conv_unpadded_filters(pad_image(x, padding, line), dy, p, extents, line);
  require_algorithm(op, out);
  return out;
}

}  // namespace bitale::ops
