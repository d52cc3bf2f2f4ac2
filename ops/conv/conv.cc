#include "ops/conv/conv.h"

#include "ops/api/checks.h"
#include "ops/conv/algorithm.h"
#include "ops/conv/conv_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<ConvParams>();
  check_conv_operands(args, p, false);
  const Shape &x = args.type(0).shape, &w = args.type(1).shape;
  divide(args, w[0], p.groups, "the number of filters must be a multiple of the groups");
  args.unify(x[1], w[1] * p.groups, "the image's channels must be those of a filter times the groups");
  return {{args.type(0).dtype, with_spatial({x[0], w[0]}, window_positions(args, p, spatial(x), spatial(w)))}};
}

ContractionDef contraction(const Node& node) {
  ConvSpace s = conv_space(node.params_as<ConvParams>(), node.input(1).shape(), node.type().shape);
  return {s.extents, s.image, s.filters, s.result};
}

std::vector<Tensor> vjp(const Vjp& v) {
  const auto& p = v.node.params_as<ConvParams>();
  const Tensor &x = v.in(0), &w = v.in(1);
  return {or_automatic(conv_unpadded_data(v.dy(), w, p, spatial(x.shape()))),
          or_automatic(conv_unpadded_filters(x, v.dy(), p, spatial(w.shape())))};
}

std::vector<Tensor> jvp(const Jvp& v) {
  const auto& p = v.node.params_as<ConvParams>();
  return {accumulate(v.dx(0) ? conv_unpadded(v.dx(0), v.in(1), p) : Tensor(),
                     v.dx(1) ? conv_unpadded(v.in(0), v.dx(1), p) : Tensor())};
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<ConvParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = elements<T>(r.inputs[0]), w = elements<T>(r.inputs[1]);
    const auto out = elements<T>(r.outputs[0]);
    const Extents taps = spatial_extents(w.shape, p.axes());
    const std::int64_t groups = group_count(x.shape[1], w.shape[1]), filters_per_group = out.shape[1] / groups;
    for (std::int64_t n = 0; n < out.shape[0]; ++n)
      for (std::int64_t f = 0; f < out.shape[1]; ++f)
        for_each_index(spatial_extents(out.shape, p.axes()), [&](const Extents& position) {
          double total = 0;
          for (std::int64_t c = 0; c < w.shape[1]; ++c)
            for_each_index(taps, [&](const Extents& tap) {
              const std::int64_t channel = f / filters_per_group * w.shape[1] + c;
              total += static_cast<double>(x(n, channel, image_element(p, position, tap))) *
                       w(f, c, filter_element(p, taps, tap));
            });
          out(n, f, position) = static_cast<T>(total);
        });
  });
}

// The builder for any number of spatial axes.
Tensor convolve(const WindowOp& op, const Tensor& x, const Tensor& filters, const ConvOptions& options) {
  op.require_images(x);
  op.require_filters(filters);
  ConvParams p = conv_params(op, options);
  const Shape padding = conv_padding(op, p, options.padding, spatial(x.shape()), spatial(filters.shape()));
  const Tensor out = conv_unpadded(pad_image(x, padding, op.line), filters, std::move(p), op.line);
  require_algorithm(op, out);
  return out;
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const ConvCase& c : conv_cases())
    out.push_back({c.name, {{c.image()}, {c.filters()}}, [c](std::span<const Tensor> in) {
                     return std::vector{convolve({"conv", c.taps.size(), {}}, in[0], in[1], c.options)};
                   }});
  return out;
}

}  // namespace

// conv(x [N, C, image...], filters [F, C/groups, taps...]) -> [N, F, positions...]; formula and extents in conv.h.
// Errors: operands that are not float tensors of one dtype and of as many spatial axes as there are strides, channels
// or filters that do not fit the groups, strides, dilations or groups below 1, a window that is empty or larger than
// the input.
const OpDef conv_op{
    .name = "conv",
    .doc =
        "conv1d, conv2d, conv3d(images, filters, {stride, dilation, padding, groups, flip}): cross-correlation, or "
        "convolution if flipped; images [n, c, spatial...], filters [out, in/groups, spatial...]",
    .type = type_rule,
    .contraction = contraction,
    .vjp = vjp,
    .jvp = jvp,
    .batch = [](const Batch& v) { return batch_conv(v, ConvRole::image, ConvRole::filters, ConvRole::result); },
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(ConvParams{}); },
};

Tensor conv_unpadded(const Tensor& image, const Tensor& filters, ConvParams params, SourceLine line) {
  params.extents = {};
  return apply1(conv_op, make_params(std::move(params)), {image, filters}, line);
}

Tensor conv1d(const Tensor& x, const Tensor& filters, const ConvOptions& options, SourceLine line) {
  return convolve({"conv1d", 1, line}, x, filters, options);
}
Tensor conv2d(const Tensor& x, const Tensor& filters, const ConvOptions& options, SourceLine line) {
  return convolve({"conv2d", 2, line}, x, filters, options);
}
Tensor conv3d(const Tensor& x, const Tensor& filters, const ConvOptions& options, SourceLine line) {
  return convolve({"conv3d", 3, line}, x, filters, options);
}

}  // namespace bitale::ops
