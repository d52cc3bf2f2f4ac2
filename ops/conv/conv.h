// The three convolutions, one bilinear form seen from its three sides. With image x [N, C, image...], filters w [F,
// C/g, taps...] and result y [N, F, positions...] over the same number of spatial axes, g groups, and along each
// spatial axis a stride s and a dilation d:
//
//   <y, conv(x, w)>  =  sum over n, g, f, c, taps t, positions p of
//       result[n, g*Fg + f, p] * filters[g*Fg + f, c, t'] * image[n, g*Cg + c, p*s + t*d]
//
// with Cg = C/g, Fg = F/g, and t' = t, or taps-1-t along every axis with `flip`. conv, conv_backward_data and
// conv_backward_filters are its derivatives in result, image and filters, so their derivatives are one another. None
// knows padding: the builders pad and slice around them, so that every address of the contraction is in bounds.
// Extents: positions = floordiv(image - ((taps-1)*d + 1), s) + 1. (Dumoulin and Visin, "A guide to convolution
// arithmetic for deep learning".)
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/op.h"
#include "ops/api/conv.h"
#include "ops/conv/window.h"

namespace bitale::ops {

struct ConvParams {
  std::vector<std::int64_t> stride{1, 1}, dilation{1, 1};  // one per spatial axis
  Dim groups = 1;
  bool flip = false;
  Shape extents;                        // conv: none; conv_backward_data: the image's; conv_backward_filters: the taps
  std::string algorithm = "automatic";  // a name of ConvAlgorithm
  bool operator==(const ConvParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("stride", stride);
    v("dilation", dilation);
    v("groups", groups);
    v("flip", flip);
    v("extents", extents);
    v("algorithm", algorithm);
  }
  std::size_t axes() const { return stride.size(); }
};

// The windows of images [..., image...] of the last axes: [..., window..., positions...].
Tensor windows(const Tensor& x, std::vector<std::int64_t> window, std::vector<std::int64_t> stride);

extern const ir::OpDef conv_op;                   // image, filters -> result
extern const ir::OpDef conv_backward_data_op;     // filters, result -> image
extern const ir::OpDef conv_backward_filters_op;  // image, result -> filters

// The ops as functions of already padded operands.
Tensor conv_unpadded(const Tensor& image, const Tensor& filters, ConvParams params, SourceLine line = {});
Tensor conv_unpadded_data(const Tensor& result, const Tensor& filters, ConvParams params, Shape extents,
                          SourceLine line = {});
Tensor conv_unpadded_filters(const Tensor& image, const Tensor& result, ConvParams params, Shape taps,
                             SourceLine line = {});

// The extents of the spatial axes of an operand.
Shape spatial(const Shape& shape);
// `lead`, then `extents`.
Shape with_spatial(Shape lead, const Shape& extents);

// Checks the parameters and that both operands are float tensors of the right rank and one dtype.
void check_conv_operands(const ir::TypeArgs& args, const ConvParams& params, bool extents);
// The extents of the result; at least one window must fit along each axis.
Shape window_positions(const ir::TypeArgs& args, const ConvParams& params, const Shape& image, const Shape& taps);
// Those of `result` are these.
void unify_positions(const ir::TypeArgs& args, const Shape& result, const Shape& positions);

// The iteration space (g, f, c, taps..., n, positions...) and the operands' maps into it.
struct ConvSpace {
  std::vector<Dim> extents;
  ir::ContractionDef::Map image, filters, result;
};
ConvSpace conv_space(const ConvParams& params, const Shape& filters, const Shape& result);

// Which side of the bilinear form a tensor is on.
enum class ConvRole : std::uint8_t { image, filters, result };
// The op over one more leading axis, as one larger convolution of the same kind: the axis joins the images, the output
// channels, the input channels or the groups.
std::vector<Tensor> batch_conv(const ir::Batch& v, ConvRole a, ConvRole b, ConvRole out);

// Options as parameters.
ConvParams conv_params(const WindowOp& op, const ConvOptions& options);
// Padding for images and filters with these spatial extents.
Shape conv_padding(const WindowOp& op, const ConvParams& params, const Padding& padding, const Shape& image,
                   const Shape& taps);
// x with zeros around it.
Tensor pad_image(const Tensor& x, const Shape& padding, SourceLine line);
// conv_backward_data under another op's name.
Tensor conv_data(const WindowOp& op, const Tensor& dy, const Tensor& filters, const Shape& extents,
                 const Shape& padding, const ConvParams& params);

// Shapes that the samples of all three ops are made from.
struct ConvCase {
  std::string name;
  std::int64_t n, c;
  Extents extents;  // of the image
  std::int64_t f;
  Extents taps;
  ConvOptions options;

  Extents image() const;
  Extents filters() const;
  Extents result() const;
};
std::vector<ConvCase> conv_cases();

}  // namespace bitale::ops
