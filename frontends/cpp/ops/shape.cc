#include "ops/api/shape.h"

#include <bitale/shape.h>

#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;

namespace {

std::optional<ir::Dim> in(const std::optional<Dim>& d) { return d ? std::optional(Access::in(*d)) : std::nullopt; }
ops::Range in(const Range& r) { return {in(r.start), in(r.stop), Access::in(r.step)}; }

ops::PadMode in(PadMode mode) {
  switch (mode) {
    case PadMode::constant:
      return ops::PadMode::constant;
    case PadMode::edge:
      return ops::PadMode::edge;
    case PadMode::reflect:
      return ops::PadMode::reflect;
    case PadMode::symmetric:
      return ops::PadMode::symmetric;
    case PadMode::wrap:
      return ops::PadMode::wrap;
  }
  throw InternalError("pad mode out of range");
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape, Where at) {
  return Access::out(ops::reshape(Access::in(x, "reshape"), Access::in(shape), at));
}
Tensor flatten(const Tensor& x, int from, int to, Where at) {
  return Access::out(ops::flatten(Access::in(x, "flatten"), from, to, at));
}
Tensor expand_dims(const Tensor& x, int axis, Where at) {
  return Access::out(ir::expand_dims(Access::in(x, "expand_dims"), axis, at));
}
Tensor squeeze(const Tensor& x, const Axes& axes, Where at) {
  return Access::out(ops::squeeze(Access::in(x, "squeeze"), axes, at));
}
Tensor atleast_1d(const Tensor& x, Where at) { return Access::out(ops::at_least(Access::in(x, "atleast_1d"), 1, at)); }
Tensor atleast_2d(const Tensor& x, Where at) { return Access::out(ops::at_least(Access::in(x, "atleast_2d"), 2, at)); }
Tensor atleast_3d(const Tensor& x, Where at) { return Access::out(ops::at_least(Access::in(x, "atleast_3d"), 3, at)); }
Tensor transpose(const Tensor& x, const Axes& axes, Where at) {
  return Access::out(ops::transpose(Access::in(x, "transpose"), axes, at));
}
Tensor moveaxis(const Tensor& x, const Axes& from, const Axes& to, Where at) {
  return Access::out(ops::moveaxis(Access::in(x, "moveaxis"), from, to, at));
}
Tensor swapaxes(const Tensor& x, int a, int b, Where at) {
  return Access::out(ops::swapaxes(Access::in(x, "swapaxes"), a, b, at));
}

Tensor concatenate(const std::vector<Tensor>& parts, int axis, Where at) {
  return Access::out(ops::concatenate(Access::in(parts, "concatenate"), axis, at));
}
Tensor stack(const std::vector<Tensor>& parts, int axis, Where at) {
  return Access::out(ops::stack(Access::in(parts, "stack"), axis, at));
}
std::vector<Tensor> split(const Tensor& x, std::int64_t parts, int axis, Where at) {
  return Access::out(ops::split(Access::in(x, "split"), parts, axis, at));
}
std::vector<Tensor> split(const Tensor& x, const std::vector<Dim>& positions, int axis, Where at) {
  return Access::out(ops::split(Access::in(x, "split"), Access::in(positions), axis, at));
}

Tensor broadcast_to(const Tensor& x, const Shape& shape, Where at) {
  return Access::out(ir::broadcast_to(Access::in(x, "broadcast_to"), Access::in(shape), at));
}
std::vector<Tensor> broadcast_arrays(const std::vector<Tensor>& tensors, Where at) {
  return Access::out(ops::broadcast_arrays(Access::in(tensors, "broadcast_arrays"), at));
}
Tensor tile(const Tensor& x, const std::vector<Dim>& counts, Where at) {
  return Access::out(ops::tile(Access::in(x, "tile"), Access::in(counts), at));
}
Tensor repeat(const Tensor& x, const Dim& count, int axis, Where at) {
  return Access::out(ops::repeat(Access::in(x, "repeat"), Access::in(count), axis, at));
}

Tensor slice(const Tensor& x, int axis, const Range& range, Where at) {
  return Access::out(ops::slice(Access::in(x, "slice"), axis, in(range), at));
}
Tensor slice(const Tensor& x, int axis, const Dim& start, const Dim& stop, const Dim& step, Where at) {
  return slice(x, axis, Range{start, stop, step}, at);
}
Tensor slice(const Tensor& x, const std::vector<Range>& ranges, Where at) {
  std::vector<ops::Range> of_axes;
  for (const Range& r : ranges) of_axes.push_back(in(r));
  return Access::out(ops::slice(Access::in(x, "slice"), of_axes, at));
}
Tensor flip(const Tensor& x, const Axes& axes, Where at) {
  return Access::out(ops::flip(Access::in(x, "flip"), axes, at));
}
Tensor roll(const Tensor& x, const std::vector<Dim>& shifts, const Axes& axes, Where at) {
  return Access::out(ops::roll(Access::in(x, "roll"), Access::in(shifts), axes, at));
}
Tensor roll(const Tensor& x, const Dim& shift, int axis, Where at) {
  return roll(x, std::vector<Dim>{shift}, Axes{axis}, at);
}

Tensor pad(const Tensor& x, const std::vector<std::pair<Dim, Dim>>& widths, PadMode mode, double value, Where at) {
  std::vector<std::pair<ir::Dim, ir::Dim>> of_axes;
  for (const auto& [before, after] : widths) of_axes.emplace_back(Access::in(before), Access::in(after));
  return Access::out(ops::pad(Access::in(x, "pad"), std::move(of_axes), in(mode), value, at));
}

Tensor diagonal(const Tensor& x, std::int64_t offset, int a, int b, Where at) {
  return Access::out(ops::diagonal(Access::in(x, "diagonal"), offset, a, b, at));
}
Tensor diag(const Tensor& x, std::int64_t offset, Where at) {
  return Access::out(ops::diag(Access::in(x, "diag"), offset, at));
}
Tensor trace(const Tensor& x, std::int64_t offset, int a, int b, Where at) {
  return Access::out(ops::trace(Access::in(x, "trace"), offset, a, b, at));
}
Tensor tril(const Tensor& x, std::int64_t offset, Where at) {
  return Access::out(ops::tril(Access::in(x, "tril"), offset, at));
}
Tensor triu(const Tensor& x, std::int64_t offset, Where at) {
  return Access::out(ops::triu(Access::in(x, "triu"), offset, at));
}

}  // namespace bitale
