// The three convolutions, one bilinear form seen from its three sides. With image x [N, C, H, W], filters w [F, C/g,
// kh, kw] and result y [N, F, OH, OW], g groups, strides (sy, sx) and dilations (dy, dx):
//
//   <y, conv2d(x, w)>  =  sum over n, g, f, c, i, j, y, x of
//       result[n, g*Fg + f, y, x] * filters[g*Fg + f, c, i', j'] * image[n, g*Cg + c, y*sy + i*dy, x*sx + j*dx]
//
// with Cg = C/g, Fg = F/g, and (i', j') = (i, j), or (kh-1-i, kw-1-j) with `flip`. conv2d, conv2d_backward_data and
// conv2d_backward_filters are its derivatives in result, image and filters, so their derivatives are one another. None
// knows padding: the builders pad and slice around them, so that every address of the contraction is in bounds.
// Extents: OH = floordiv(H - ((kh-1)*dy + 1), sy) + 1. (Dumoulin and Visin, "A guide to convolution arithmetic for deep
// learning".)
#pragma once

#include <vector>

#include "compiler/ir/op.h"
#include "ops/api/conv.h"

namespace bitale::ops {

struct Conv2dParams {
  std::vector<std::int64_t> stride{1, 1}, dilation{1, 1};
  Dim groups = 1;
  bool flip = false;
  Shape extents;  // conv2d: none; conv2d_backward_data: H, W; conv2d_backward_filters: kh, kw
  bool operator==(const Conv2dParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("stride", stride);
    v("dilation", dilation);
    v("groups", groups);
    v("flip", flip);
    v("extents", extents);
  }
};

extern const ir::OpDef conv2d_op;                   // image, filters -> result
extern const ir::OpDef conv2d_backward_data_op;     // filters, result -> image
extern const ir::OpDef conv2d_backward_filters_op;  // image, result -> filters

// The ops as functions of already padded operands.
Tensor conv2d_unpadded(const Tensor& image, const Tensor& filters, Conv2dParams params);
Tensor conv2d_unpadded_data(const Tensor& result, const Tensor& filters, Conv2dParams params, Dim height, Dim width);
Tensor conv2d_unpadded_filters(const Tensor& image, const Tensor& result, Conv2dParams params, Dim kh, Dim kw);

// Checks the parameters and that all operands are float tensors of rank 4 and one dtype.
void check_conv2d_operands(const ir::TypeArgs& args, const Conv2dParams& params, int extents);
// Number of positions of a window of k elements, dilated, along an axis of extent n; at least one must fit.
Dim window_positions(const ir::TypeArgs& args, const Dim& n, const Dim& k, std::int64_t stride, std::int64_t dilation);

// The iteration space (g, f, c, i, j, n, y, x) and the operands' maps into it.
struct Conv2dSpace {
  std::vector<Dim> extents;
  ir::ContractionDef::Map image, filters, result;
};
Conv2dSpace conv2d_space(const Conv2dParams& params, const Shape& filters, const Shape& result);

// Which side of the bilinear form a tensor is on.
enum class Conv2dRole : std::uint8_t { image, filters, result };
// The op over one more leading axis, as one larger convolution of the same kind: the axis joins the images, the output
// channels, the input channels or the groups.
std::vector<Tensor> batch_conv2d(const ir::Batch& v, Conv2dRole a, Conv2dRole b, Conv2dRole out);

// Options as parameters, and the pads around x; negative padding is an Error.
Conv2dParams conv2d_params(const char* op, const Conv2dOptions& options, SourceLine line);
Tensor pad_image(const Tensor& x, const Conv2dOptions& options, SourceLine line);

// Shapes that the samples of all three ops are made from.
struct Conv2dCase {
  std::string name;
  std::int64_t n, c, h, w, f, kh, kw;
  Conv2dOptions options;

  Extents image() const { return {n, c, h, w}; }
  Extents filters() const { return {f, c / options.groups, kh, kw}; }
  Extents result() const;
};
std::vector<Conv2dCase> conv2d_cases();

}  // namespace bitale::ops
