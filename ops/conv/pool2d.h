// Pooling over the last two axes of x [..., H, W]: windows of (kh, kw) elements at strides (sy, sx), over x with pads
// around it.
//
// Window (p, q) covers rows p*sy - top + i for i < kh, and likewise columns; what lies outside the image is not there
// (it is never the maximum and adds nothing to an average). Extents: OH = floordiv(H + top + bottom - kh, sy) + 1; with
// `ceil` the division rounds up, but no window begins beyond the image and its leading padding, as in Caffe and
// PyTorch. Pads are smaller than the window, so that every window covers at least one element.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "compiler/ir/op.h"
#include "ops/api/conv.h"

namespace bitale::ops {

struct Pool2dParams {
  std::vector<std::int64_t> window{2, 2}, stride{2, 2}, padding{0, 0, 0, 0};
  bool ceil = false;
  bool count_padding = false;  // max_pool2d and its kin: false
  Shape extents;               // H and W, for ops that produce an image; else empty
  bool operator==(const Pool2dParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("window", window);
    v("stride", stride);
    v("padding", padding);
    v("ceil", ceil);
    v("count_padding", count_padding);
    v("extents", extents);
  }
  // Windows neither overlap nor leave gaps nor reach outside the image.
  bool tiles() const;
};

extern const ir::OpDef max_pool2d_op;               // x -> y
extern const ir::OpDef max_pool2d_index_op;         // x -> int32: position i*kw + j of the first maximum (a NaN wins)
extern const ir::OpDef max_pool2d_gather_op;        // index, x -> the elements at these positions
extern const ir::OpDef max_pool2d_backward_op;      // index, dy -> dx
extern const ir::OpDef average_pool2d_op;           // x -> y
extern const ir::OpDef average_pool2d_backward_op;  // dy -> dx

Tensor max_pool2d_index(const Tensor& x, Pool2dParams params);
Tensor max_pool2d_gather(const Tensor& index, const Tensor& x, Pool2dParams params);
// The cotangent of an image from that of its maxima and their positions. Where windows tile, a composition of index
// maps that fuses to one pass: dx seen as [..., OH, kh, OW, kw] is where(index == position, dy, 0).
Tensor max_pool2d_backward(const Tensor& index, const Tensor& dy, const Pool2dParams& params);

// The parameters with the extents of this image.
Pool2dParams with_image(Pool2dParams params, const Shape& image);
// Checks the parameters; the extent of the result along axis k (0: rows) for an image of extent n.
void check_pool2d(const ir::TypeArgs& args, const Pool2dParams& params, int extents);
Dim pool_positions(const ir::TypeArgs& args, const Pool2dParams& params, std::size_t k, const Dim& n);
// One float operand [..., H, W] to [..., OH, OW]; its own dtype if none is given.
std::vector<ir::TensorType> pooled_type(const ir::TypeArgs& args, std::optional<DType> dtype = {});
// The shape of x, y with the last two axes replaced.
Shape with_plane(const Shape& shape, Dim height, Dim width);

// Index of the element (i, j) of window (p, q), along axis k.
ir::Index window_element(const Pool2dParams& params, std::size_t k, const ir::Index& position, const ir::Index& i);
// Bounds that keep `index` in [0, upper) along axis k, none if the parameters say that windows stay inside.
void add_window_bound(const Pool2dParams& params, std::size_t k, std::vector<ir::IndexBound>& bounds,
                      const ir::Index& index, const Dim& upper);

// Sums term(window position, element within the window) over the windows that cover image element (last two axes of e's
// index); term gets bounds that must hold for the window to exist.
ir::Expr sum_over_windows(
    ir::Element& e, const Pool2dParams& params, const Shape& result,
    const std::function<ir::Expr(const std::vector<ir::IndexBound>&, const std::vector<ir::Index>& at,
                                 const ir::Index& i, const ir::Index& j)>& term);

// values [..., OH, kh, OW, kw] as the image they tile, with zeros for the rows and columns that no window covers.
Tensor image_of_tiles(const Tensor& values, const Pool2dParams& params);

struct Pool2dCase {
  std::string name;
  Extents shape;
  Pool2dOptions options;

  Extents result() const;
};
std::vector<Pool2dCase> pool2d_cases();
Pool2dParams pool2d_params(const char* op, const Tensor& x, const Pool2dOptions& options, SourceLine line);

}  // namespace bitale::ops
