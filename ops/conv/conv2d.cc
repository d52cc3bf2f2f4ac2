#include "ops/conv/conv2d.h"

#include "ops/api/checks.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<Conv2dParams>();
  check_conv2d_operands(args, p, 0);
  const Shape &x = args.type(0).shape, &w = args.type(1).shape;
  divide(args, w[0], p.groups, "the number of filters must be a multiple of the groups");
  args.unify(x[1], w[1] * p.groups, "the image's channels must be those of a filter times the groups");
  return {{args.type(0).dtype,
           {x[0], w[0], window_positions(args, x[2], w[2], p.stride[0], p.dilation[0]),
            window_positions(args, x[3], w[3], p.stride[1], p.dilation[1])}}};
}

ContractionDef contraction(const Node& node) {
  Conv2dSpace s = conv2d_space(node.params_as<Conv2dParams>(), node.input(1).shape(), node.type().shape);
  return {s.extents, s.image, s.filters, s.result};
}

std::vector<Tensor> vjp(const Vjp& v) {
  const auto& p = v.node.params_as<Conv2dParams>();
  const Tensor &x = v.in(0), &w = v.in(1);
  return {conv2d_unpadded_data(v.dy(), w, p, x.dim(2), x.dim(3)),
          conv2d_unpadded_filters(x, v.dy(), p, w.dim(2), w.dim(3))};
}

std::vector<Tensor> jvp(const Jvp& v) {
  const auto& p = v.node.params_as<Conv2dParams>();
  return {accumulate(v.dx(0) ? conv2d_unpadded(v.dx(0), v.in(1), p) : Tensor(),
                     v.dx(1) ? conv2d_unpadded(v.in(0), v.dx(1), p) : Tensor())};
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<Conv2dParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = tensor4<T>(r.inputs[0]), w = tensor4<T>(r.inputs[1]);
    const auto out = tensor4<T>(r.outputs[0]);
    const std::int64_t groups = group_count(x.c, w.c), filters_per_group = out.c / groups;
    for (std::int64_t n = 0; n < out.n; ++n)
      for (std::int64_t f = 0; f < out.c; ++f)
        for (std::int64_t row = 0; row < out.h; ++row)
          for (std::int64_t col = 0; col < out.w; ++col) {
            double total = 0;
            for (std::int64_t c = 0; c < w.c; ++c)
              for (std::int64_t i = 0; i < w.h; ++i)
                for (std::int64_t j = 0; j < w.w; ++j) {
                  const std::int64_t channel = f / filters_per_group * w.c + c;
                  const double pixel =
                      x(n, channel, row * p.stride[0] + i * p.dilation[0], col * p.stride[1] + j * p.dilation[1]);
                  total += pixel * (p.flip ? w(f, c, w.h - 1 - i, w.w - 1 - j) : w(f, c, i, j));
                }
            out(n, f, row, col) = static_cast<T>(total);
          }
  });
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const Conv2dCase& c : conv2d_cases())
    out.push_back({c.name, {{c.image()}, {c.filters()}}, [c](std::span<const Tensor> in) {
                     return std::vector{conv2d(in[0], in[1], c.options)};
                   }});
  return out;
}

}  // namespace

// conv2d(x [N, C, H, W], filters [F, C/groups, kh, kw]) -> [N, F, OH, OW]; formula and extents in conv2d.h. Errors:
// operands that are not float tensors of rank 4 and one dtype, channels or filters that do not fit the groups, strides,
// dilations or groups below 1, a window that is empty or larger than the input.
const OpDef conv2d_op{
    .name = "conv2d",
    .doc =
        "conv2d(images, filters, {stride, dilation, padding, groups, flip}): cross-correlation, or convolution if "
        "flipped; NCHW",
    .type = type_rule,
    .contraction = contraction,
    .vjp = vjp,
    .jvp = jvp,
    .batch = [](const Batch& v) { return batch_conv2d(v, Conv2dRole::image, Conv2dRole::filters, Conv2dRole::result); },
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(Conv2dParams{}); },
};

Tensor conv2d_unpadded(const Tensor& image, const Tensor& filters, Conv2dParams params) {
  params.extents = {};
  return apply1(conv2d_op, make_params(std::move(params)), {image, filters});
}

Tensor conv2d(const Tensor& x, const Tensor& filters, const Conv2dOptions& options, SourceLine line) {
  Conv2dParams params = conv2d_params("conv2d", options, line);
  return apply1(conv2d_op, make_params(std::move(params)), {pad_image(x, options, line), filters}, line);
}

}  // namespace bitale::ops
