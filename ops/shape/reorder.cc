// The same elements under another shape, or with their axes in another order.
#include <numeric>

#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/shape.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef flatten_op, squeeze_op, at_least_op, moveaxis_op, swapaxes_op;

const OpDef flatten_op{
    .name = "flatten",
    .doc = "flatten(x, from, to): the axes from `from` to `to`, that one included, become one",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("all", {ir::uniform({2, 3, 4})}, [](auto x) { return flatten(x[0]); }),
              ir::sample("some", {ir::uniform({2, 3, 4, 5})}, [](auto x) { return flatten(x[0], 1, -2); }),
              ir::sample("scalar", {ir::uniform({})}, [](auto x) { return flatten(x[0]); })};
        },
};

const OpDef squeeze_op{
    .name = "squeeze",
    .doc = "squeeze(x, axes): without these axes, whose extents are 1; none: all whose extents are the constant 1",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("all", {ir::uniform({1, 3, 1, 4})}, [](auto x) { return squeeze(x[0]); }),
              ir::sample("one", {ir::uniform({1, 3, 1})}, [](auto x) { return squeeze(x[0], {-1}); })};
        },
};

const OpDef at_least_op{
    .name = "at_least",
    .doc = "atleast_1d(x), atleast_2d(x), atleast_3d(x): with axes of extent 1 added as in NumPy",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("1d of scalar", {ir::uniform({})}, [](auto x) { return at_least(x[0], 1); }),
              ir::sample("2d of vector", {ir::uniform({3})}, [](auto x) { return at_least(x[0], 2); }),
              ir::sample("3d of vector", {ir::uniform({3})}, [](auto x) { return at_least(x[0], 3); }),
              ir::sample("3d of matrix", {ir::uniform({3, 4})}, [](auto x) { return at_least(x[0], 3); })};
        },
};

const OpDef moveaxis_op{
    .name = "moveaxis",
    .doc = "moveaxis(x, from, to): axis from[i] becomes axis to[i]; the others keep their order",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("to the end", {ir::uniform({2, 3, 4})}, [](auto x) { return moveaxis(x[0], {0}, {-1}); }),
              ir::sample("two", {ir::uniform({2, 3, 4, 5})}, [](auto x) { return moveaxis(x[0], {-1, 1}, {0, 2}); })};
        },
};

const OpDef swapaxes_op{
    .name = "swapaxes",
    .doc = "swapaxes(x, a, b): with two axes exchanged",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("ends", {ir::uniform({2, 3, 4})}, [](auto x) { return swapaxes(x[0], 0, -1); })};
        },
};

Tensor reshape(const Tensor& x, Shape shape, SourceLine line) {
  ir::require_operand("reshape", x, line);
  int unknown = -1;
  Dim known(1);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!shape[i].is(-1)) {
      known = known * shape[i];
    } else {
      if (unknown >= 0) reject("reshape", "two extents are -1", x, line);
      unknown = static_cast<int>(i);
    }
  }
  if (unknown < 0) return ir::reshape(x, shape, line);
  if (known.is(0)) reject("reshape", "beside an extent of 0, -1 could be anything", x, line);
  const Dim all = ir::product(x.shape());
  const auto quotient = ir::exact_quotient(all, known);
  if (!quotient && all.is_constant() && known.is_constant())
    reject("reshape", to_string(known) + " does not divide the number of elements, " + to_string(all), x, line);
  shape[static_cast<std::size_t>(unknown)] = quotient ? *quotient : ir::floordiv(all, known);
  return ir::reshape(x, shape, line);
}

Tensor flatten(const Tensor& x, int from, int to, SourceLine line) {
  ir::require_operand("flatten", x, line);
  if (x.rank() == 0) return ir::reshape(x, {1}, line);
  const std::int64_t first = axis_of("flatten", x, from, line), last = axis_of("flatten", x, to, line);
  if (first > last)
    reject("flatten", "axis " + std::to_string(from) + " lies behind axis " + std::to_string(to), x, line);
  const auto begin = x.shape().begin() + first, end = x.shape().begin() + last + 1;
  Shape shape(x.shape().begin(), begin);
  shape.push_back(ir::product(Shape(begin, end)));
  shape.insert(shape.end(), end, x.shape().end());
  return ir::reshape(x, shape, line);
}

Tensor squeeze(const Tensor& x, Axes axes, SourceLine line) {
  ir::require_operand("squeeze", x, line);
  const bool all = axes.empty();
  axes = axes_of("squeeze", x, std::move(axes), line);
  Shape shape;
  for (int k = 0; k < x.rank(); ++k) {
    const Dim& extent = x.dim(k);
    const bool named = std::find(axes.begin(), axes.end(), k) != axes.end();
    if (named && extent.is_constant() && !extent.is(1))
      reject("squeeze", "axis " + std::to_string(k) + " has the extent " + to_string(extent) + ", not 1", x, line);
    if (!(all ? extent.is(1) : named)) shape.push_back(extent);
  }
  return ir::reshape(x, shape, line);  // checks extents that are not constant when it is called
}

Tensor at_least(const Tensor& x, int rank, SourceLine line) {
  ir::require_operand("at_least", x, line);
  Shape shape = x.shape();
  if (shape.empty() && rank > 0) shape = {1};
  if (shape.size() == 1 && rank > 1) shape.insert(shape.begin(), Dim(1));
  if (shape.size() == 2 && rank > 2) shape.emplace_back(1);
  return ir::reshape(x, shape, line);
}

Tensor transpose(const Tensor& x, Axes axes, SourceLine line) {
  ir::require_operand("transpose", x, line);
  if (axes.empty()) {
    axes.resize(static_cast<std::size_t>(x.rank()));
    std::iota(axes.rbegin(), axes.rend(), 0);
  }
  return ir::transpose(x, axes_of("transpose", x, std::move(axes), line), line);
}

Tensor moveaxis(const Tensor& x, Axes from, Axes to, SourceLine line) {
  ir::require_operand("moveaxis", x, line);
  if (from.size() != to.size()) reject("moveaxis", "there must be as many axes to move as places for them", x, line);
  from = axes_of("moveaxis", x, std::move(from), line);
  to = axes_of("moveaxis", x, std::move(to), line);
  Axes order(static_cast<std::size_t>(x.rank()), -1);
  for (std::size_t i = 0; i < from.size(); ++i) order[static_cast<std::size_t>(to[i])] = from[i];
  std::int64_t next = 0;
  for (std::int64_t& axis : order) {
    if (axis >= 0) continue;
    while (std::find(from.begin(), from.end(), next) != from.end()) ++next;
    axis = next++;
  }
  return ir::transpose(x, order, line);
}

Tensor swapaxes(const Tensor& x, int a, int b, SourceLine line) {
  const std::int64_t first = axis_of("swapaxes", x, a, line), second = axis_of("swapaxes", x, b, line);
  Axes order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<std::size_t>(first)], order[static_cast<std::size_t>(second)]);
  return ir::transpose(x, order, line);
}

}  // namespace bitale::ops
