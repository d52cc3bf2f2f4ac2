#include "ops/api/ops.h"

#include <bitale/ops.h>

#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;

#define BITALE_UNARY(name, builder) \
  Tensor name(const Tensor& x, Where at) { return Access::out(builder(Access::in(x, #name), at)); }
BITALE_UNARY(exp, ops::exp)
BITALE_UNARY(log, ops::log)
BITALE_UNARY(log1p, ops::log1p)
BITALE_UNARY(expm1, ops::expm1)
BITALE_UNARY(sqrt, ops::sqrt)
BITALE_UNARY(square, ir::square)
BITALE_UNARY(abs, ir::abs)
BITALE_UNARY(tanh, ops::tanh)
BITALE_UNARY(sigmoid, ops::sigmoid)
BITALE_UNARY(softplus, ops::softplus)
BITALE_UNARY(relu, ops::relu)
BITALE_UNARY(sin, ops::sin)
BITALE_UNARY(cos, ops::cos)
BITALE_UNARY(erf, ops::erf)
BITALE_UNARY(floor, ops::floor)
BITALE_UNARY(ceil, ops::ceil)
BITALE_UNARY(round, ops::round)
BITALE_UNARY(stop_gradient, ir::stop_gradient)
#undef BITALE_UNARY

#define BITALE_BINARY(name, builder)                                            \
  Tensor name(const Operand& a, const Operand& b) {                             \
    return Access::out(builder(Access::in(a), Access::in(b), Access::line(a))); \
  }
BITALE_BINARY(pow, ops::pow)
BITALE_BINARY(floordiv, ops::floordiv)
BITALE_BINARY(mod, ops::mod)
BITALE_BINARY(minimum, ir::minimum)
BITALE_BINARY(maximum, ir::maximum)
#undef BITALE_BINARY

Tensor where(const Tensor& condition, const Operand& yes, const Operand& no) {
  return Access::out(ir::where(Access::in(condition), Access::in(yes), Access::in(no), Access::line(yes)));
}
Tensor cast(const Tensor& x, DType dtype, Where at) { return Access::out(ir::cast(Access::in(x), dtype, at)); }

#define BITALE_REDUCTION(name)                                               \
  Tensor name(const Tensor& x, const Axes& axes, bool keepdims, Where at) {  \
    return Access::out(ops::name(Access::in(x, #name), axes, keepdims, at)); \
  }
BITALE_REDUCTION(sum)
BITALE_REDUCTION(mean)
BITALE_REDUCTION(max)
BITALE_REDUCTION(min)
BITALE_REDUCTION(logsumexp)
#undef BITALE_REDUCTION
Tensor argmax(const Tensor& x, int axis, Where at) { return Access::out(ops::argmax(Access::in(x), axis, at)); }
Tensor argmin(const Tensor& x, int axis, Where at) { return Access::out(ops::argmin(Access::in(x), axis, at)); }

namespace {

std::int64_t checked_axis(const ir::Tensor& x, std::int64_t axis, const char* op) {
  if (axis < -x.rank() || axis >= x.rank())
    throw Error(std::string(op) + ": axis " + std::to_string(axis) + " is out of range for " + ir::describe(x));
  return axis < 0 ? axis + x.rank() : axis;
}

// One extent may be -1: what is left of x's elements.
ir::Shape resolve_shape(const ir::Tensor& x, const Shape& shape) {
  ir::Shape out = Access::in(shape);
  int unknown = -1;
  ir::Dim known(1);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].is(-1)) {
      if (unknown >= 0) throw Error("reshape: two extents are -1, for " + ir::describe(x));
      unknown = static_cast<int>(i);
    } else {
      known = known * out[i];
    }
  }
  if (unknown >= 0) {
    const ir::Dim all = ir::product(x.shape());
    const auto quotient = ir::exact_quotient(all, known);
    if (!quotient && all.is_constant() && known.is_constant())
      throw Error("reshape: " + ir::to_string(known) + " does not divide the number of elements of " + ir::describe(x));
    out[static_cast<std::size_t>(unknown)] = quotient ? *quotient : ir::floordiv(all, known);
  }
  return out;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape, Where at) {
  const ir::Tensor t = Access::in(x, "reshape");
  return Access::out(ir::reshape(t, resolve_shape(t, shape), at));
}
Tensor transpose(const Tensor& x, const Axes& axes, Where at) {
  const ir::Tensor t = Access::in(x, "transpose");
  Axes order = axes;
  if (order.empty())
    for (int i = t.rank(); i-- > 0;) order.push_back(i);
  for (std::int64_t& a : order) a = checked_axis(t, a, "transpose");
  return Access::out(ir::transpose(t, order, at));
}
Tensor broadcast_to(const Tensor& x, const Shape& shape, Where at) {
  return Access::out(ir::broadcast_to(Access::in(x), Access::in(shape), at));
}
Tensor expand_dims(const Tensor& x, int axis, Where at) {
  const ir::Tensor t = Access::in(x, "expand_dims");
  if (axis < -t.rank() - 1 || axis > t.rank())
    throw Error("expand_dims: axis " + std::to_string(axis) + " is out of range for " + ir::describe(t));
  return Access::out(ir::expand_dims(t, axis < 0 ? axis + t.rank() + 1 : axis, at));
}
Tensor concatenate(const std::vector<Tensor>& parts, int axis, Where at) {
  if (parts.empty()) throw Error("concatenate: no tensors given");
  std::vector<ir::Tensor> in = Access::in(parts, "concatenate");
  const auto a = static_cast<int>(checked_axis(in[0], axis, "concatenate"));
  return Access::out(ir::concat(std::move(in), a, at));
}
Tensor flip(const Tensor& x, const Axes& axes, Where at) {
  const ir::Tensor t = Access::in(x, "flip");
  Axes a = axes;
  for (std::int64_t& i : a) i = checked_axis(t, i, "flip");
  return Access::out(ir::flip(t, a, at));
}

namespace {

Tensor slice_axis(const ir::Tensor& t, std::int64_t axis, const ir::Dim& start, const ir::Dim& count, std::int64_t step,
                  Where at) {
  ir::Shape starts(t.shape().size(), ir::Dim(0)), extents = t.shape();
  std::vector<std::int64_t> steps(t.shape().size(), 1);
  const auto i = static_cast<std::size_t>(axis);
  starts[i] = start;
  extents[i] = count;
  steps[i] = step;
  return Access::out(ir::slice(t, std::move(starts), std::move(extents), std::move(steps), at));
}

}  // namespace

Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step, Where at) {
  const ir::Tensor t = Access::in(x, "slice");
  const std::int64_t a = checked_axis(t, axis, "slice");
  if (step <= 0)
    throw Error("slice: the step must be positive, got " + std::to_string(step) + "; flip() reverses an axis");
  const ir::Dim n = t.dim(static_cast<int>(a));
  auto clip = [&](std::int64_t v) { return v < 0 ? ir::max(n + ir::Dim(v), 0) : ir::min(ir::Dim(v), n); };
  const ir::Dim first = clip(start), last = clip(stop);
  const ir::Dim count = ir::max(ir::floordiv(last - first + ir::Dim(step - 1), ir::Dim(step)), 0);
  return slice_axis(t, a, first, count, step, at);
}
Tensor slice(const Tensor& x, int axis, const Dim& start, const Dim& count, Where at) {
  const ir::Tensor t = Access::in(x, "slice");
  return slice_axis(t, checked_axis(t, axis, "slice"), Access::in(start), Access::in(count), 1, at);
}

Tensor gather(const Tensor& x, const Tensor& indices, int axis, Where at) {
  return Access::out(ops::gather(Access::in(x), Access::in(indices), axis, at));
}
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, Where at) {
  return Access::out(ops::scatter_add(Access::in(x), Access::in(indices), Access::in(updates), axis, at));
}
Tensor pick(const Tensor& x, const Tensor& indices, Where at) {
  return Access::out(ops::pick(Access::in(x), Access::in(indices), at));
}
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype, Where at) {
  return Access::out(ops::one_hot(Access::in(indices), Access::in(classes), dtype, at));
}

Tensor dot(const Tensor& a, const Tensor& b, Where at) {
  return Access::out(ir::dot(Access::in(a, "dot"), Access::in(b, "dot"), at));
}
Tensor batched_dot(const Tensor& a, const Tensor& b, Where at) {
  return Access::out(
      ir::dot_general(Access::in(a, "batched_dot"), Access::in(b, "batched_dot"), {{0}, {0}, {2}, {1}}, at));
}

Tensor conv2d(const Tensor& images, const Tensor& filters, const Conv2d& o, Where at) {
  return Access::out(
      ops::conv2d(Access::in(images), Access::in(filters), {o.stride, o.dilation, o.padding, o.groups, o.flip}, at));
}
Tensor max_pool2d(const Tensor& images, const Pool2d& o, Where at) {
  return Access::out(ops::max_pool2d(Access::in(images), {o.window, o.stride, o.padding, o.ceil, o.count_padding}, at));
}
Tensor average_pool2d(const Tensor& images, const Pool2d& o, Where at) {
  return Access::out(
      ops::average_pool2d(Access::in(images), {o.window, o.stride, o.padding, o.ceil, o.count_padding}, at));
}

Tensor softmax(const Tensor& x, int axis, Where at) { return Access::out(ops::softmax(Access::in(x), axis, at)); }
Tensor log_softmax(const Tensor& x, int axis, Where at) {
  return Access::out(ops::log_softmax(Access::in(x), axis, at));
}
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Where at) {
  return Access::out(ops::cross_entropy(Access::in(logits), Access::in(labels), at));
}

namespace {

Array random_state(std::uint64_t seed) {
  const std::int64_t words[] = {static_cast<std::int64_t>(seed), 0};
  return Array::of(std::span<const std::int64_t>(words), {2});
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, const std::string& name)
    : state_(name, random_state(seed)), draws_(std::make_shared<std::int64_t>(0)) {}
Tensor RandomStream::uniform(const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_uniform(Access::in(state_.tensor()), (*draws_)++, Access::in(shape), dtype, at));
}
Tensor RandomStream::normal(const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_normal(Access::in(state_.tensor()), (*draws_)++, Access::in(shape), dtype, at));
}
Tensor RandomStream::bernoulli(double p, const Shape& shape, Where at) {
  return Access::out(ops::random_bernoulli(Access::in(state_.tensor()), (*draws_)++, p, Access::in(shape), at));
}

}  // namespace bitale
