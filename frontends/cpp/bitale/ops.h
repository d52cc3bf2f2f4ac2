// Ops on tensors. Axes may be negative (from the end). Formulas, NaN rules and derivatives at
// kinks are stated beside each op's declaration under ops/.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

using Axes = std::vector<std::int64_t>;

// ---- elementwise ----
Tensor exp(const Tensor& x, Where at = Where::current());
Tensor log(const Tensor& x, Where at = Where::current());
Tensor log1p(const Tensor& x, Where at = Where::current());
Tensor expm1(const Tensor& x, Where at = Where::current());
Tensor sqrt(const Tensor& x, Where at = Where::current());
Tensor square(const Tensor& x, Where at = Where::current());
Tensor abs(const Tensor& x, Where at = Where::current());
Tensor tanh(const Tensor& x, Where at = Where::current());
Tensor sigmoid(const Tensor& x, Where at = Where::current());
Tensor softplus(const Tensor& x, Where at = Where::current());
Tensor relu(const Tensor& x, Where at = Where::current());
Tensor sin(const Tensor& x, Where at = Where::current());
Tensor cos(const Tensor& x, Where at = Where::current());
Tensor erf(const Tensor& x, Where at = Where::current());
Tensor floor(const Tensor& x, Where at = Where::current());
Tensor ceil(const Tensor& x, Where at = Where::current());
Tensor round(const Tensor& x, Where at = Where::current());  // half to even
Tensor pow(const Operand& x, const Operand& y);
Tensor floordiv(const Operand& a, const Operand& b);
Tensor mod(const Operand& a, const Operand& b);
Tensor minimum(const Operand& a, const Operand& b);
Tensor maximum(const Operand& a, const Operand& b);
Tensor where(const Tensor& condition, const Operand& yes, const Operand& no);
Tensor cast(const Tensor& x, DType dtype, Where at = Where::current());
Tensor stop_gradient(const Tensor& x, Where at = Where::current());

// ---- reductions; no axes: all of them ----
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor argmax(const Tensor& x, int axis = -1, Where at = Where::current());
Tensor argmin(const Tensor& x, int axis = -1, Where at = Where::current());

// ---- shape ----
Tensor reshape(const Tensor& x, const Shape& shape, Where at = Where::current());  // one extent may be -1
Tensor transpose(const Tensor& x, const Axes& axes = {}, Where at = Where::current());
Tensor broadcast_to(const Tensor& x, const Shape& shape, Where at = Where::current());
Tensor expand_dims(const Tensor& x, int axis, Where at = Where::current());
Tensor concatenate(const std::vector<Tensor>& parts, int axis = 0, Where at = Where::current());
Tensor flip(const Tensor& x, const Axes& axes, Where at = Where::current());
// Rows [start, stop) of one axis; constants may be negative and are clipped as in NumPy.
Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1,
             Where at = Where::current());
// The same with symbolic bounds: `count` elements from `start`, both within the axis (checked at call entry).
Tensor slice(const Tensor& x, int axis, const Dim& start, const Dim& count, Where at = Where::current());

// ---- indexing ----
// An index is in [-n, n) for an axis of extent n. A call with one outside fails, naming the op, the index and the line
// that asked for it; no update is stored then.
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0, Where at = Where::current());
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0,
                   Where at = Where::current());
Tensor pick(const Tensor& x, const Tensor& indices, Where at = Where::current());  // x[i, indices[i]]
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype = float32, Where at = Where::current());

// ---- linear algebra ----
Tensor dot(const Tensor& a, const Tensor& b, Where at = Where::current());          // ranks 1 and 2
Tensor batched_dot(const Tensor& a, const Tensor& b, Where at = Where::current());  // [b, m, k] x [b, k, n]

// ---- convolution and pooling: images [n, c, h, w], filters [out, in/groups, kh, kw] ----
struct Conv2d {
  std::array<std::int64_t, 2> stride{1, 1}, dilation{1, 1};
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};  // top, bottom, left, right
  std::int64_t groups = 1;
  bool flip = false;  // rotate the filters by 180 degrees: true convolution
};
Tensor conv2d(const Tensor& images, const Tensor& filters, const Conv2d& options = {}, Where at = Where::current());
struct Pool2d {
  std::array<std::int64_t, 2> window{2, 2}, stride{2, 2};
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};
  bool ceil = false, count_padding = false;
};
Tensor max_pool2d(const Tensor& images, const Pool2d& options = {}, Where at = Where::current());
Tensor average_pool2d(const Tensor& images, const Pool2d& options = {}, Where at = Where::current());

// ---- networks ----
Tensor softmax(const Tensor& x, int axis = -1, Where at = Where::current());
Tensor log_softmax(const Tensor& x, int axis = -1, Where at = Where::current());
Tensor cross_entropy(const Tensor& logits, const Tensor& labels,
                     Where at = Where::current());  // [n, c], integers [n] -> [n]

// ---- random numbers ----
// A stream of draws from a seed. Two draws are two different nodes; every function that reads the stream advances it by
// one step per call. The numbers do not depend on threads or instruction set.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, const std::string& name = "random");
  Tensor uniform(const Shape& shape, DType dtype = float32, Where at = Where::current());  // [0, 1)
  Tensor normal(const Shape& shape, DType dtype = float32, Where at = Where::current());
  Tensor bernoulli(double p, const Shape& shape, Where at = Where::current());  // bool
  const Shared& state() const { return state_; }

 private:
  Shared state_;
  std::shared_ptr<std::int64_t> draws_;
};

}  // namespace bitale
