// Builder functions of the ops, beyond the primitives of compiler/prim/prim.h. Each is defined beside its op's
// declaration.
//
// All take the user's source line last; all check operands while the graph is built and throw Error naming the op, the
// operands' types and lines.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "compiler/prim/prim.h"

namespace bitale::ops {

using ir::Dim;
using ir::Operand;
using ir::Shape;
using ir::Tensor;

// ---- elementwise ----
Tensor exp(const Tensor& x, SourceLine line = {});
Tensor log(const Tensor& x, SourceLine line = {});
Tensor log1p(const Tensor& x, SourceLine line = {});
Tensor expm1(const Tensor& x, SourceLine line = {});
Tensor sqrt(const Tensor& x, SourceLine line = {});
Tensor tanh(const Tensor& x, SourceLine line = {});
Tensor sigmoid(const Tensor& x, SourceLine line = {});
Tensor softplus(const Tensor& x, SourceLine line = {});
Tensor relu(const Tensor& x, SourceLine line = {});  // max(x, 0); derivative 0 at 0
Tensor sin(const Tensor& x, SourceLine line = {});
Tensor cos(const Tensor& x, SourceLine line = {});
Tensor erf(const Tensor& x, SourceLine line = {});
Tensor floor(const Tensor& x, SourceLine line = {});
Tensor ceil(const Tensor& x, SourceLine line = {});
Tensor round(const Tensor& x, SourceLine line = {});
Tensor pow(const Operand& x, const Operand& y, SourceLine line = {});  // d/dy is 0 at x = 0
Tensor floordiv(const Operand& a, const Operand& b, SourceLine line = {});
Tensor mod(const Operand& a, const Operand& b, SourceLine line = {});

// ---- reductions over any axes (negative axes count from the end; empty: all), keepdims ----
Tensor sum(const Tensor& x, std::vector<std::int64_t> axes = {}, bool keepdims = false, SourceLine line = {});
Tensor mean(const Tensor& x, std::vector<std::int64_t> axes = {}, bool keepdims = false, SourceLine line = {});
Tensor max(const Tensor& x, std::vector<std::int64_t> axes = {}, bool keepdims = false, SourceLine line = {});
Tensor min(const Tensor& x, std::vector<std::int64_t> axes = {}, bool keepdims = false, SourceLine line = {});
Tensor argmax(const Tensor& x, int axis, SourceLine line = {});  // int64; first among equals; NaN wins
Tensor argmin(const Tensor& x, int axis, SourceLine line = {});
Tensor logsumexp(const Tensor& x, std::vector<std::int64_t> axes = {}, bool keepdims = false, SourceLine line = {});

// ---- indexing ----
// Rows of x along `axis` by integer indices of any rank: numpy.take. An index outside [-n, n) is a data error at run
// time.
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0, SourceLine line = {});
// x with `updates` added (or set) at indices along axis; duplicates accumulate.
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0, SourceLine line = {});
// x[i, indices[i]] for x [..., c] and int indices [...]: one element per row (used by cross-entropy).
Tensor pick(const Tensor& x, const Tensor& indices, SourceLine line = {});
// Its transpose: [..., extent] with dy [...] at the indices, 0 elsewhere.
Tensor pick_backward(const Tensor& dy, const Tensor& indices, const Dim& extent, SourceLine line = {});
// 1 where indices [...] equals the position along a new last axis, else 0; [..., classes].
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype, SourceLine line = {});

// ---- convolution and pooling; NCHW, filters [out, in/groups, kh, kw] ----
struct Conv2dOptions {
  std::array<std::int64_t, 2> stride{1, 1}, dilation{1, 1};
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};  // top, bottom, left, right
  std::int64_t groups = 1;
  bool flip = false;  // true convolution: filters rotated by 180 degrees
  bool operator==(const Conv2dOptions&) const = default;
};
Tensor conv2d(const Tensor& x, const Tensor& filters, const Conv2dOptions& options = {}, SourceLine line = {});
Tensor conv2d_backward_data(const Tensor& dy, const Tensor& filters, Dim height, Dim width,
                            const Conv2dOptions& options = {}, SourceLine line = {});
Tensor conv2d_backward_filters(const Tensor& x, const Tensor& dy, Dim kh, Dim kw, const Conv2dOptions& options = {},
                               SourceLine line = {});
struct Pool2dOptions {
  std::array<std::int64_t, 2> window{2, 2}, stride{2, 2};
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};
  bool ceil = false;  // windows that begin inside the image and end beyond it (and its padding) count
  bool count_padding =
      false;  // average: divide by the elements of the window inside image and padding, not inside the image
  bool operator==(const Pool2dOptions&) const = default;
};
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options = {},
                  SourceLine line = {});  // gradient to the first maximum
Tensor average_pool2d(const Tensor& x, const Pool2dOptions& options = {}, SourceLine line = {});

// ---- networks ----
Tensor softmax(const Tensor& x, int axis = -1, SourceLine line = {});
Tensor log_softmax(const Tensor& x, int axis = -1, SourceLine line = {});
// Per-row loss -log softmax(logits)[i, labels[i]]; logits [n, c], integer labels [n]; result [n].
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, SourceLine line = {});

// ---- random: Philox 4x32-10. `state` is int64[2] (key, counter); draw_id tells draws of one function apart ----
Tensor random_uniform(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                      SourceLine line = {});  // [0, 1)
Tensor random_normal(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                     SourceLine line = {});
Tensor random_bernoulli(const Tensor& state, std::int64_t draw_id, double p, Shape shape,
                        SourceLine line = {});  // bool

// Registers the primitives and every op listed in ops/all_ops.cc; idempotent.
void register_all();

}  // namespace bitale::ops
