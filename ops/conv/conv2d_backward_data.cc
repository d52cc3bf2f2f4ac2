#include "ops/api/checks.h"
#include "ops/conv/conv2d.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<Conv2dParams>();
  check_conv2d_operands(args, p, 2);
  const Shape &w = args.type(0).shape, &y = args.type(1).shape;
  divide(args, w[0], p.groups, "the number of filters must be a multiple of the groups");
  args.unify(y[1], w[0], "the cotangent's channels must be as many as the filters");
  for (std::size_t k = 0; k < 2; ++k)
    args.unify(y[2 + k], window_positions(args, p.extents[k], w[2 + k], p.stride[k], p.dilation[k]),
               "the cotangent's extents must be those of the convolution's result");
  return {{args.type(0).dtype, {y[0], w[1] * p.groups, p.extents[0], p.extents[1]}}};
}

// The windows along axis k (0: rows) are disjoint and cover the image: every element is touched by exactly one of them.
bool tiles(const Conv2dParams& p, const Shape& filters, const Shape& result, std::size_t k) {
  return p.dilation[k] == 1 && filters[2 + k].is(p.stride[k]) && result[2 + k] * p.stride[k] == p.extents[k];
}

ContractionDef contraction(const Node& node) {
  const auto& p = node.params_as<Conv2dParams>();
  const Shape &filters = node.input(0).shape(), &result = node.input(1).shape();
  Conv2dSpace s = conv2d_space(p, filters, result);
  const bool overlapping = !tiles(p, filters, result, 0) || !tiles(p, filters, result, 1);
  return {s.extents, s.filters, s.result, s.image, overlapping};
}

std::vector<Tensor> vjp(const Vjp& v) {
  const auto& p = v.node.params_as<Conv2dParams>();
  const Tensor &w = v.in(0), &result = v.in(1);
  return {conv2d_unpadded_filters(v.dy(), result, p, w.dim(2), w.dim(3)), conv2d_unpadded(v.dy(), w, p)};
}

std::vector<Tensor> jvp(const Jvp& v) {
  const auto& p = v.node.params_as<Conv2dParams>();
  const Dim &height = p.extents[0], &width = p.extents[1];
  return {accumulate(v.dx(0) ? conv2d_unpadded_data(v.in(1), v.dx(0), p, height, width) : Tensor(),
                     v.dx(1) ? conv2d_unpadded_data(v.dx(1), v.in(0), p, height, width) : Tensor())};
}

// The transpose, by asking of each image element which result elements it went into.
void reference(const Reference& r) {
  const auto& p = r.node.params_as<Conv2dParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto w = tensor4<T>(r.inputs[0]), dy = tensor4<T>(r.inputs[1]);
    const auto out = tensor4<T>(r.outputs[0]);
    const std::int64_t groups = group_count(out.c, w.c), filters_per_group = w.n / groups;
    // The result index that filter element k meets at image index t, or -1.
    const auto position = [&](std::int64_t t, std::int64_t k, std::size_t axis, std::int64_t count) {
      const std::int64_t start = t - k * p.dilation[axis];
      return start < 0 || start % p.stride[axis] != 0 || start / p.stride[axis] >= count ? -1 : start / p.stride[axis];
    };
    for (std::int64_t n = 0; n < out.n; ++n)
      for (std::int64_t channel = 0; channel < out.c; ++channel)
        for (std::int64_t row = 0; row < out.h; ++row)
          for (std::int64_t col = 0; col < out.w; ++col) {
            double total = 0;
            for (std::int64_t f = 0; f < filters_per_group; ++f)
              for (std::int64_t i = 0; i < w.h; ++i)
                for (std::int64_t j = 0; j < w.w; ++j) {
                  const std::int64_t filter = channel / w.c * filters_per_group + f, c = channel % w.c;
                  const std::int64_t a = position(row, i, 0, dy.h), b = position(col, j, 1, dy.w);
                  if (a < 0 || b < 0) continue;
                  total += static_cast<double>(dy(n, filter, a, b)) *
                           (p.flip ? w(filter, c, w.h - 1 - i, w.w - 1 - j) : w(filter, c, i, j));
                }
            out(n, channel, row, col) = static_cast<T>(total);
          }
  });
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const Conv2dCase& c : conv2d_cases())
    out.push_back({c.name, {{c.filters()}, {c.result()}}, [c](std::span<const Tensor> in) {
                     return std::vector{conv2d_backward_data(in[1], in[0], c.h, c.w, c.options)};
                   }});
  return out;
}

}  // namespace

// conv2d_backward_data(filters [F, C/groups, kh, kw], dy [N, F, OH, OW]; H, W) -> [N, C, H, W]: the cotangent of
// conv2d's image, also called transposed convolution. Image elements that no window reaches get 0. As a matrix product,
// rows are (c, i, j) and columns are pixels of dy (the filters come first for that). Errors: as conv2d, and OH, OW that
// are not the extents of conv2d's result for H, W.
const OpDef conv2d_backward_data_op{
    .name = "conv2d_backward_data",
    .doc = "the gradient of conv2d in its images",
    .type = type_rule,
    .contraction = contraction,
    .vjp = vjp,
    .jvp = jvp,
    .batch = [](const Batch& v) { return batch_conv2d(v, Conv2dRole::filters, Conv2dRole::result, Conv2dRole::image); },
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(Conv2dParams{}); },
};

Tensor conv2d_unpadded_data(const Tensor& result, const Tensor& filters, Conv2dParams params, Dim height, Dim width) {
  params.extents = {std::move(height), std::move(width)};
  return apply1(conv2d_backward_data_op, make_params(std::move(params)), {filters, result});
}

Tensor conv2d_backward_data(const Tensor& dy, const Tensor& filters, Dim height, Dim width,
                            const Conv2dOptions& options, SourceLine line) {
  Conv2dParams params = conv2d_params("conv2d_backward_data", options, line);
  const auto [top, bottom, left, right] = options.padding;
  params.extents = {height + (top + bottom), width + (left + right)};
  const Tensor padded = apply1(conv2d_backward_data_op, make_params(std::move(params)), {filters, dy}, line);
  if (top == 0 && bottom == 0 && left == 0 && right == 0) return padded;
  return slice(padded, {0, 0, top, left}, {padded.dim(0), padded.dim(1), height, width}, {1, 1, 1, 1}, line);
}

}  // namespace bitale::ops
