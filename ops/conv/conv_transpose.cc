#include "ops/conv/conv.h"

namespace bitale::ops {

using namespace ir;

namespace {

// The image whose convolution has the extents of x, and its padding.
struct TransposedImage {
  Shape extents, padding;
};

TransposedImage transposed_image(const WindowOp& op, const ConvParams& p, const Shape& x, const Shape& taps,
                                 const ConvTransposeOptions& o) {
  const std::vector<std::int64_t> more = op.per_axis("output_padding", o.output_padding, 0);
  Shape reach;
  for (std::size_t k = 0; k < op.axes; ++k) {
    if (p.stride[k] < 1) op.fail("strides must be at least 1");
    if (more[k] < 0 || more[k] >= p.stride[k])
      op.fail("output_padding must be at least 0 and smaller than the stride, got " + std::to_string(more[k]) +
              " with stride " + std::to_string(p.stride[k]));
    if (o.padding.rule == Padding::same && more[k] != 0)
      op.fail("output_padding does not go with padding `same`, whose result has the extents of x times the stride");
    reach.push_back(window_reach(taps[k], p.dilation[k]));
  }
  TransposedImage image;
  if (o.padding.rule == Padding::same) {
    for (std::size_t k = 0; k < op.axes; ++k) image.extents.push_back(x[k] * p.stride[k]);
    image.padding = padding_of(op, o.padding, image.extents, reach, p.stride);
    return image;
  }
  image.padding = padding_of(op, o.padding, x, reach, p.stride);
  for (std::size_t k = 0; k < op.axes; ++k)
    image.extents.push_back((x[k] - 1) * p.stride[k] + reach[k] + more[k] - image.padding[2 * k] -
                            image.padding[2 * k + 1]);
  return image;
}

Tensor conv_transpose(const WindowOp& op, const Tensor& x, const Tensor& filters, const ConvTransposeOptions& o) {
  op.require_images(x);
  op.require_filters(filters);
  const ConvParams p = conv_params(op, {o.stride, o.dilation, o.padding, o.groups, o.flip, o.algorithm});
  const TransposedImage image = transposed_image(op, p, spatial(x.shape()), spatial(filters.shape()), o);
  for (const Dim& d : image.extents)
    if (d.is_constant() && d.value() < 0)
      op.fail("padding takes away more than there is of " + describe(x) + ": the result would have extents " +
              to_string(image.extents));
  return conv_data(op, x, filters, image.extents, image.padding, p);
}

struct TransposeCase {
  const char* name;
  Extents x, filters;
  ConvTransposeOptions options;
};

std::vector<Sample> samples() {
  const std::vector<TransposeCase> cases{
      {"1d", {2, 3, 5}, {3, 2, 4}, {.stride = {2}, .padding = {1}, .output_padding = {1}}},
      {"2d", {1, 2, 3, 4}, {2, 3, 3, 2}, {}},
      {"2d everything",
       {2, 4, 3, 4},
       {4, 1, 3, 2},
       {.stride = {2, 3}, .dilation = {2, 1}, .padding = {1, 2, 0, 1}, .output_padding = {1, 2}, .groups = 2}},
      {"2d same", {1, 2, 3, 4}, {2, 2, 3, 2}, {.stride = {2, 3}, .padding = Padding::same, .flip = true}},
      {"3d", {1, 2, 2, 3, 2}, {2, 1, 2, 2, 3}, {.stride = {2, 1, 2}, .padding = {0, 1, 1}}},
  };
  std::vector<Sample> out;
  for (const TransposeCase& c : cases)
    out.push_back({c.name, {{c.x}, {c.filters}}, [c](std::span<const Tensor> in) {
                     return std::vector{
                         conv_transpose({"conv_transpose", c.x.size() - 2, {}}, in[0], in[1], c.options)};
                   }});
  return out;
}

}  // namespace

extern const OpDef conv_transpose_op;
const OpDef conv_transpose_op{
    .name = "conv_transpose",
    .doc =
        "conv_transpose1d, conv_transpose2d, conv_transpose3d(images, filters, {stride, dilation, padding, "
        "output_padding, groups, flip}): the gradient of a convolution in its images; filters [in, out/groups, "
        "spatial...]",
    .composite = true,
    .samples = samples,
};

Tensor conv_transpose1d(const Tensor& x, const Tensor& filters, const ConvTransposeOptions& o, SourceLine line) {
  return conv_transpose({"conv_transpose1d", 1, line}, x, filters, o);
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& filters, const ConvTransposeOptions& o, SourceLine line) {
  return conv_transpose({"conv_transpose2d", 2, line}, x, filters, o);
}
Tensor conv_transpose3d(const Tensor& x, const Tensor& filters, const ConvTransposeOptions& o, SourceLine line) {
  return conv_transpose({"conv_transpose3d", 3, line}, x, filters, o);
}

}  // namespace bitale::ops
