// Pooling over the last axes of x [..., image...]: windows of some elements at strides, over x with padding around it.
//
// Along a spatial axis of extent n, with window k, stride s and padding (before, after), window p covers elements p*s -
// before + i for i < k; what lies outside the image is not there (it is never the maximum and adds nothing to an
// average). Extents: positions = floordiv(n + before + after - k, s) + 1; with `ceil` the division rounds up, but no
// window begins beyond the image and its leading padding, as in Caffe and PyTorch. Padding is smaller than the window,
// so that every window covers at least one element.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "compiler/ir/op.h"
#include "ops/api/conv.h"
#include "ops/conv/window.h"

namespace bitale::ops {

struct PoolParams {
  std::vector<std::int64_t> window{2, 2}, stride{2, 2};  // one per spatial axis
  Shape padding{0, 0, 0, 0};                             // before and after each
  bool ceil = false;
  bool count_padding = false;  // max_pool and its kin: false
  Shape extents;               // those of the image, for ops that produce one; else empty
  bool operator==(const PoolParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("window", window);
    v("stride", stride);
    v("padding", padding);
    v("ceil", ceil);
    v("count_padding", count_padding);
    v("extents", extents);
  }
  std::size_t axes() const { return window.size(); }
  // Windows neither overlap nor leave gaps nor reach outside the image.
  bool tiles() const;
  Shape window_shape() const { return {window.begin(), window.end()}; }
};

extern const ir::OpDef max_pool_op;               // x -> y
extern const ir::OpDef max_pool_index_op;         // x -> int32: position (row by row) of the first maximum (a NaN wins)
extern const ir::OpDef max_pool_gather_op;        // index, x -> the elements at these positions
extern const ir::OpDef max_pool_backward_op;      // index, dy -> dx
extern const ir::OpDef max_pool_all_op;           // x -> y, the gradient goes to all maxima
extern const ir::OpDef max_pool_all_sum_op;       // x, y, t -> the sum of t's elements where x's are the maximum y
extern const ir::OpDef max_pool_all_backward_op;  // x, y, dy -> dx
extern const ir::OpDef average_pool_op;           // x -> y
extern const ir::OpDef average_pool_backward_op;  // dy -> dx

Tensor max_pool_index(const Tensor& x, PoolParams params);
Tensor max_pool_gather(const Tensor& index, const Tensor& x, PoolParams params);
// The cotangent of an image from that of its maxima and their positions. Where windows tile, a composition of index
// maps that fuses to one pass: dx seen as [..., OH, kh, OW, kw] is where(index == position, dy, 0).
Tensor max_pool_backward(const Tensor& index, const Tensor& dy, const PoolParams& params);

// The body of max_pool and max_pool_all.
ir::Expr maximum_element(ir::Element& e);
void maximum_reference(const ir::Reference& r);

// The parameters with the extents of this image.
PoolParams with_image(PoolParams params, const Shape& image);
// Checks the parameters; the extents of the result for an image with these extents (of all its axes).
void check_pool(const ir::TypeArgs& args, const PoolParams& params, bool extents);
Shape pool_positions(const ir::TypeArgs& args, const PoolParams& params, const Shape& image);
// One float operand [..., image...] to [..., positions...]; its own dtype if none is given.
std::vector<ir::TensorType> pooled_type(const ir::TypeArgs& args, std::optional<DType> dtype = {});
// The cotangent dy of a pooled image, as operand i: that of an image with the extents in the parameters.
ir::TensorType image_type(const ir::TypeArgs& args, const PoolParams& params, int i);
// The last extents, and the shape with these replaced.
Shape last_extents(const Shape& shape, std::size_t axes);
Shape with_last(const Shape& shape, const Shape& extents);

// Index of element i of the window at a position, along spatial axis k.
ir::Index window_element(const PoolParams& params, std::size_t k, const ir::Index& position, const ir::Index& i);
// Bounds that keep `index` in [0, upper) along spatial axis k, none if the parameters say that windows stay inside.
void add_window_bound(const PoolParams& params, std::size_t k, std::vector<ir::IndexBound>& bounds,
                      const ir::Index& index, const Dim& upper);
// The element of an image under tap `at` of the window at e's index, and the bounds within which it exists.
struct WindowElement {
  std::vector<ir::Index> index;
  std::vector<ir::IndexBound> bounds;
};
WindowElement element_under(ir::Element& e, const PoolParams& params, const Shape& image,
                            std::span<const ir::Index> at);

// Sums term(bounds, window position, element within the window) over the windows that cover the image element at e's
// index; the window exists where the bounds hold.
ir::Expr sum_over_windows(
    ir::Element& e, const PoolParams& params, const Shape& result,
    const std::function<ir::Expr(const std::vector<ir::IndexBound>&, const std::vector<ir::Index>& at,
                                 std::span<const ir::Index> element)>& term);

// y [..., positions...] repeated to [..., positions0, window0, positions1, window1, ...]; and such values as the image
// they tile, with zeros for the elements that no window covers.
Tensor tiles_of(const Tensor& y, const PoolParams& params);
Tensor image_of_tiles(const Tensor& values, const PoolParams& params);

struct PoolCase {
  std::string name;
  Extents shape;
  PoolOptions options;

  Extents result() const;
};
std::vector<PoolCase> pool_cases(bool count_padding);  // with the cases that count padding, or without
// Checks that x is [n, c, spatial...].
PoolParams pool_params(const WindowOp& op, const Tensor& x, const PoolOptions& options);
// max_pool over the last op.axes axes.
Tensor max_pool(const WindowOp& op, const Tensor& x, const PoolOptions& options);

}  // namespace bitale::ops
