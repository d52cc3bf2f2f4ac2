#include "ops/api/checks.h"
#include "ops/conv/conv2d.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<Conv2dParams>();
  check_conv2d_operands(args, p, 2);
  const Shape &x = args.type(0).shape, &y = args.type(1).shape;
  args.unify(x[0], y[0], "image and cotangent must have as many images");
  divide(args, y[1], p.groups, "the cotangent's channels must be a multiple of the groups");
  const Dim channels = divide(args, x[1], p.groups, "the image's channels must be a multiple of the groups");
  for (std::size_t k = 0; k < 2; ++k)
    args.unify(y[2 + k], window_positions(args, x[2 + k], p.extents[k], p.stride[k], p.dilation[k]),
               "the cotangent's extents must be those of the convolution's result");
  return {{args.type(0).dtype, {y[1], channels, p.extents[0], p.extents[1]}}};
}

ContractionDef contraction(const Node& node) {
  Conv2dSpace s = conv2d_space(node.params_as<Conv2dParams>(), node.type().shape, node.input(1).shape());
  return {s.extents, s.image, s.result, s.filters};
}

std::vector<Tensor> vjp(const Vjp& v) {
  const auto& p = v.node.params_as<Conv2dParams>();
  const Tensor& x = v.in(0);
  return {conv2d_unpadded_data(v.in(1), v.dy(), p, x.dim(2), x.dim(3)), conv2d_unpadded(x, v.dy(), p)};
}

std::vector<Tensor> jvp(const Jvp& v) {
  const auto& p = v.node.params_as<Conv2dParams>();
  const Dim &kh = p.extents[0], &kw = p.extents[1];
  return {accumulate(v.dx(0) ? conv2d_unpadded_filters(v.dx(0), v.in(1), p, kh, kw) : Tensor(),
                     v.dx(1) ? conv2d_unpadded_filters(v.in(0), v.dx(1), p, kh, kw) : Tensor())};
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<Conv2dParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = tensor4<T>(r.inputs[0]), dy = tensor4<T>(r.inputs[1]);
    const auto out = tensor4<T>(r.outputs[0]);
    const std::int64_t groups = group_count(x.c, out.c), filters_per_group = out.n / groups;
    for (std::int64_t f = 0; f < out.n; ++f)
      for (std::int64_t c = 0; c < out.c; ++c)
        for (std::int64_t i = 0; i < out.h; ++i)
          for (std::int64_t j = 0; j < out.w; ++j) {
            const std::int64_t channel = f / filters_per_group * out.c + c;
            double total = 0;
            for (std::int64_t n = 0; n < dy.n; ++n)
              for (std::int64_t row = 0; row < dy.h; ++row)
                for (std::int64_t col = 0; col < dy.w; ++col)
                  total += static_cast<double>(dy(n, f, row, col)) *
                           x(n, channel, row * p.stride[0] + i * p.dilation[0], col * p.stride[1] + j * p.dilation[1]);
            (p.flip ? out(f, c, out.h - 1 - i, out.w - 1 - j) : out(f, c, i, j)) = static_cast<T>(total);
          }
  });
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const Conv2dCase& c : conv2d_cases())
    out.push_back({c.name, {{c.image()}, {c.result()}}, [c](std::span<const Tensor> in) {
                     return std::vector{conv2d_backward_filters(in[0], in[1], c.kh, c.kw, c.options)};
                   }});
  return out;
}

}  // namespace

// conv2d_backward_filters(x [N, C, H, W], dy [N, F, OH, OW]; kh, kw) -> [F, C/groups, kh, kw]: the cotangent of
// conv2d's filters. Errors: as conv2d, and OH, OW that are not the extents of conv2d's result.
const OpDef conv2d_backward_filters_op{
    .name = "conv2d_backward_filters",
    .doc = "the gradient of conv2d in its filters",
    .type = type_rule,
    .contraction = contraction,
    .vjp = vjp,
    .jvp = jvp,
    .batch = [](const Batch& v) { return batch_conv2d(v, Conv2dRole::image, Conv2dRole::result, Conv2dRole::filters); },
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(Conv2dParams{}); },
};

Tensor conv2d_unpadded_filters(const Tensor& image, const Tensor& result, Conv2dParams params, Dim kh, Dim kw) {
  params.extents = {std::move(kh), std::move(kw)};
  return apply1(conv2d_backward_filters_op, make_params(std::move(params)), {image, result});
}

Tensor conv2d_backward_filters(const Tensor& x, const Tensor& dy, Dim kh, Dim kw, const Conv2dOptions& options,
                               SourceLine line) {
  Conv2dParams params = conv2d_params("conv2d_backward_filters", options, line);
  params.extents = {std::move(kh), std::move(kw)};
  return apply1(conv2d_backward_filters_op, make_params(std::move(params)), {pad_image(x, options, line), dy}, line);
}

}  // namespace bitale::ops
