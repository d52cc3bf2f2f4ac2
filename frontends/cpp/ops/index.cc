#include "ops/api/index.h"

#include <bitale/index.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

namespace {

std::optional<ir::Dim> bound_in(const std::optional<Dim>& d) {
  return d ? std::optional(Access::in(*d)) : std::nullopt;
}

}  // namespace

namespace detail {

ops::IndexItem Access::in(const IndexItem& i) {
  struct Convert {
    ops::IndexItem operator()(const Dim& d) const { return in(d); }
    ops::IndexItem operator()(const Slice& s) const { return ops::Slice{bound_in(s.start), bound_in(s.stop), s.step}; }
    ops::IndexItem operator()(NewAxis) const { return ops::NewAxis{}; }
    ops::IndexItem operator()(Ellipsis) const { return ops::Ellipsis{}; }
    ops::IndexItem operator()(const Tensor& t) const { return in(t, "an index"); }
  };
  return std::visit(Convert{}, i.item_);
}

}  // namespace detail

namespace {

std::vector<ops::IndexItem> items_in(const Index& index) {
  std::vector<ops::IndexItem> out;
  for (const IndexItem& i : index) out.push_back(Access::in(i));
  return out;
}

}  // namespace

IndexItem::IndexItem(int place) : item_(Dim(place)) {}
IndexItem::IndexItem(std::int64_t place) : item_(Dim(place)) {}
IndexItem::IndexItem(const Dim& place) : item_(place) {}
IndexItem::IndexItem(Slice slice) : item_(std::move(slice)) {}
IndexItem::IndexItem(NewAxis item) : item_(item) {}
IndexItem::IndexItem(Ellipsis item) : item_(item) {}
IndexItem::IndexItem(const Tensor& indices) : item_(indices) {}
IndexItem::IndexItem(const Shared& indices) : item_(indices.tensor()) {}

Tensor subtensor(const Tensor& x, const Index& index, Where at) {
  return Access::out(ops::subtensor(Access::in(x, "subtensor: x"), items_in(index), at));
}
Tensor set_subtensor(const Tensor& x, const Index& index, const Operand& y, Where at) {
  return Access::out(ops::set_subtensor(Access::in(x, "set_subtensor: x"), items_in(index), Access::in(y), at));
}
Tensor inc_subtensor(const Tensor& x, const Index& index, const Operand& y, Where at) {
  return Access::out(ops::inc_subtensor(Access::in(x, "inc_subtensor: x"), items_in(index), Access::in(y), at));
}

Tensor gather(const Tensor& x, const Tensor& indices, int axis, Where at) {
  return Access::out(ops::gather(Access::in(x), Access::in(indices), axis, at));
}
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, Where at) {
  return Access::out(ops::scatter_add(Access::in(x), Access::in(indices), Access::in(updates), axis, at));
}
Tensor scatter_set(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, Where at) {
  return Access::out(ops::scatter_set(Access::in(x), Access::in(indices), Access::in(updates), axis, at));
}
Tensor scatter_max(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, Where at) {
  return Access::out(ops::scatter_max(Access::in(x), Access::in(indices), Access::in(updates), axis, at));
}
Tensor scatter_min(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, Where at) {
  return Access::out(ops::scatter_min(Access::in(x), Access::in(indices), Access::in(updates), axis, at));
}
Tensor take(const Tensor& x, const Tensor& indices, std::optional<int> axis, Where at) {
  return Access::out(ops::take(Access::in(x), Access::in(indices), axis, at));
}
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int axis, Where at) {
  return Access::out(ops::take_along_axis(Access::in(x), Access::in(indices), axis, at));
}
Tensor put_along_axis(const Tensor& x, const Tensor& indices, const Operand& values, int axis, Where at) {
  return Access::out(ops::put_along_axis(Access::in(x), Access::in(indices), Access::in(values), axis, at));
}
Tensor pick(const Tensor& x, const Tensor& indices, Where at) {
  return Access::out(ops::pick(Access::in(x), Access::in(indices), at));
}
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype, Where at) {
  return Access::out(ops::one_hot(Access::in(indices), Access::in(classes), dtype, at));
}

Tensor choose(const Tensor& index, const std::vector<Tensor>& choices, Where at) {
  return Access::out(ops::choose(Access::in(index), Access::in(choices, "choose: a choice"), at));
}
Tensor compress(const Tensor& condition, const Tensor& x, const Dim& size, int axis, const Operand& fill, Where at) {
  return Access::out(ops::compress(Access::in(condition), Access::in(x), Access::in(size), axis, Access::in(fill), at));
}
Tensor nonzero(const Tensor& x, Where at) { ops::nonzero(Access::in(x), at); }

Tensor sort(const Tensor& x, int axis, bool descending, Where at) {
  return Access::out(ops::sort(Access::in(x), axis, descending, at));
}
Tensor argsort(const Tensor& x, int axis, bool descending, Where at) {
  return Access::out(ops::argsort(Access::in(x), axis, descending, at));
}
TopK topk(const Tensor& x, const Dim& k, int axis, bool largest, Where at) {
  const auto [values, indices] = ops::topk(Access::in(x), Access::in(k), axis, largest, at);
  return {Access::out(values), Access::out(indices)};
}
Tensor searchsorted(const Tensor& sorted, const Operand& values, bool right, Where at) {
  return Access::out(ops::searchsorted(Access::in(sorted), Access::in(values), right, at));
}
Tensor digitize(const Tensor& values, const Tensor& edges, bool right, Where at) {
  return Access::out(ops::digitize(Access::in(values), Access::in(edges), right, at));
}
Tensor bincount(const Tensor& x, const Dim& length, Where at) {
  return Access::out(ops::bincount(Access::in(x), Access::in(length), {}, at));
}
Tensor bincount(const Tensor& x, const Dim& length, const Tensor& weights, Where at) {
  return Access::out(
      ops::bincount(Access::in(x), Access::in(length), Access::in(weights, "bincount: the operand 'weights'"), at));
}

std::vector<Tensor> unravel_index(const Tensor& places, const Shape& shape, Where at) {
  return Access::out(ops::unravel_index(Access::in(places), Access::in(shape), at));
}
Tensor ravel_multi_index(const std::vector<Tensor>& indices, const Shape& shape, Where at) {
  return Access::out(
      ops::ravel_multi_index(Access::in(indices, "ravel_multi_index: an operand"), Access::in(shape), at));
}

}  // namespace bitale
