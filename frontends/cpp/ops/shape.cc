#include <bitale/shape.h>

#include "compiler/prim/prim.h"
#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;

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

}  // namespace bitale
