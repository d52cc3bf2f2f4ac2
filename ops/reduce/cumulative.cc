// cumsum, cumprod, cummax and cummin.
#include "ops/reduce/cumulative.h"

#include <cmath>

#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "runtime/library/cumulative.h"

namespace bitale::ops {

using ir::Node;
using ir::OpDef;
using library::Cumulative;

extern const OpDef cumsum_op, cumprod_op, cummax_op, cummin_op;

namespace {

const CumulativeParams& params_of(const Node& n) { return n.params_as<CumulativeParams>(); }

std::vector<ir::TensorType> type_rule(const ir::TypeArgs& args) {
  args.require_count(1);
  args.require(args.type(0).dtype != DType::bool_, "the operand must be a number, not bool");
  const std::int64_t axis = args.params_as<CumulativeParams>().axis;
  args.require(axis >= 0 && axis < args.type(0).rank(), "there is no axis " + std::to_string(axis));
  return {args.type(0)};
}

// Every element from all that it covers.
template <Cumulative kind>
void reference(const ir::Reference& r) {
  const auto& [axis, reverse] = params_of(r.node);
  const Extents& shape = r.outputs[0].shape();
  std::int64_t inner = 1;
  for (std::size_t k = static_cast<std::size_t>(axis) + 1; k < shape.size(); ++k) inner *= shape[k];
  const std::int64_t n = shape[static_cast<std::size_t>(axis)];
  dispatch(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = r.inputs[0].view<T>();
    for (std::int64_t i = 0; i < r.outputs[0].size(); ++i) {
      const std::int64_t place = i / inner % n;
      const std::int64_t from = reverse ? n - 1 : 0, step = reverse ? -1 : 1;
      T total = x[static_cast<std::size_t>(i + (from - place) * inner)];
      for (std::int64_t k = from; k != place;) {
        k += step;
        const T v = x[static_cast<std::size_t>(i + (k - place) * inner)];
        if constexpr (kind == Cumulative::sum) total = static_cast<T>(total + v);
        if constexpr (kind == Cumulative::prod) total = static_cast<T>(total * v);
        if constexpr (kind == Cumulative::max) total = v > total || std::isnan(static_cast<double>(v)) ? v : total;
        if constexpr (kind == Cumulative::min) total = v < total || std::isnan(static_cast<double>(v)) ? v : total;
      }
      r.outputs[0].view<T>()[static_cast<std::size_t>(i)] = total;
    }
  });
}

using Builder = Tensor (*)(const Tensor&, int, bool, SourceLine);

std::vector<ir::Sample> samples(Builder build) {
  const auto along = [build](int axis, bool reverse) {
    return [=](std::span<const Tensor> x) { return build(x[0], axis, reverse, {}); };
  };
  return {
      ir::sample("rows", {ir::uniform({3, 5})}, along(1, false)),
      ir::sample("columns", {ir::uniform({4, 3})}, along(0, false)),
      ir::sample("reverse", {ir::uniform({7})}, along(-1, true)),
      ir::sample("middle axis, reverse", {ir::uniform({2, 4, 3})}, along(1, true)),
      ir::sample("small integers", {ir::integers({2, 6}, -3, 3, DType::i8)}, along(-1, false)),
  };
}

// What the four declarations share.
OpDef cumulative_op(std::string name, std::string doc, Cumulative kind, Builder build, ir::VjpRule vjp, ir::JvpRule jvp,
                    ir::ReferenceRule naive) {
  return {
      .name = std::move(name),
      .doc = std::move(doc),
      .type = type_rule,
      .library = "cumulative",
      .library_extents = cumulative_extents,
      .library_integers =
          [kind](const Node& n) {
            return std::vector<std::int64_t>{static_cast<std::int64_t>(n.type().dtype), static_cast<std::int64_t>(kind),
                                             params_of(n).reverse};
          },
      .vjp = std::move(vjp),
      .jvp = std::move(jvp),
      .batch =
          [build](const ir::Batch& b) {
            const auto& [axis, reverse] = params_of(b.node);
            return std::vector{build(b.inputs[0], static_cast<int>(axis) + 1, reverse, {})};
          },
      .reference = std::move(naive),
      .samples = [build] { return samples(build); },
      .dtypes = {DType::f32, DType::f64, DType::i64},
      .default_params = [] { return ir::make_params(CumulativeParams{}); },
  };
}

std::vector<Tensor> sum_vjp(const ir::Vjp& v) {
  if (!v.dy()) return ir::zero_vjp(v);
  const auto& [axis, reverse] = params_of(v.node);
  return {cumsum(v.dy(), static_cast<int>(axis), !reverse)};
}

// With g[k] = dy[k] + x[k+1] g[k+1]: dx[k] = g[k] y[k-1]. No division: right with any number of zeros.
std::vector<Tensor> prod_vjp(const ir::Vjp& v) {
  if (!v.dy()) return ir::zero_vjp(v);
  const auto& [axis, reverse] = params_of(v.node);
  const Tensor g = linear_recurrence(neighbour(v.in(0), axis, !reverse, 0), v.dy(), static_cast<int>(axis), !reverse);
  return {g * neighbour(v.out(), axis, reverse, 1)};
}

std::vector<Tensor> prod_jvp(const ir::Jvp& v) {
  if (!v.dx(0)) return ir::zero_jvp(v);
  const auto& [axis, reverse] = params_of(v.node);
  return {linear_recurrence(v.in(0), v.dx(0) * neighbour(v.out(), axis, reverse, 1), static_cast<int>(axis), reverse)};
}

// True where an element is taken: the first, one beyond all before it, and the first NaN.
Tensor taken(const Node& node, bool highest) {
  const auto& [axis, reverse] = params_of(node);
  const Tensor &x = node.input(0), before = neighbour(Tensor(ir::NodePtr(&node), 0), axis, reverse, 0);
  const Tensor beyond = highest ? ir::less(before, x) : ir::less(x, before);
  const Tensor first_nan = ir::logical_and(ir::not_equal(x, x), ir::equal(before, before));
  return ir::logical_or(at_end(x, axis, reverse), ir::logical_or(beyond, first_nan));
}

// The cotangents of the run that an element begins, added up: g[k] = dy[k], + g[k+1] if k+1 does not begin a run.
template <bool highest>
std::vector<Tensor> extremum_vjp(const ir::Vjp& v) {
  if (!v.dy()) return ir::zero_vjp(v);
  const auto& [axis, reverse] = params_of(v.node);
  const Tensor begins = taken(v.node, highest), zero = zeros_like(v.dy());
  const Tensor goes_on = neighbour(ir::where(begins, zero, ones_like(v.dy())), axis, !reverse, 0);
  return {ir::where(begins, linear_recurrence(goes_on, v.dy(), static_cast<int>(axis), !reverse), zero)};
}

template <bool highest>
std::vector<Tensor> extremum_jvp(const ir::Jvp& v) {
  if (!v.dx(0)) return ir::zero_jvp(v);
  const auto& [axis, reverse] = params_of(v.node);
  const Tensor begins = taken(v.node, highest), zero = zeros_like(v.dx(0));
  return {linear_recurrence(ir::where(begins, zero, ones_like(zero)), ir::where(begins, v.dx(0), zero),
                            static_cast<int>(axis), reverse)};
}

// Bools and small integers are taken as int64 if `widen`.
Tensor build(const OpDef& op, const Tensor& x, int axis, bool reverse, bool widen, SourceLine line) {
  const std::int64_t along = axis_of(op.name.c_str(), x, axis, line);
  const Tensor in = widen && !is_floating(x.dtype()) ? cast(x, DType::i64, line) : x;
  return apply1(op, ir::make_params(CumulativeParams{along, reverse}), {in}, line);
}

}  // namespace

const OpDef cumsum_op = cumulative_op(
    "cumsum", "cumsum(x, axis, reverse): sums of all elements up to each, in order; bools and integers in int64",
    Cumulative::sum, cumsum, sum_vjp, ir::linear_jvp, reference<Cumulative::sum>);
const OpDef cumprod_op = cumulative_op(
    "cumprod", "cumprod(x, axis, reverse): products of all elements up to each; bools and integers in int64",
    Cumulative::prod, cumprod, prod_vjp, prod_jvp, reference<Cumulative::prod>);
const OpDef cummax_op = cumulative_op(
    "cummax", "cummax(x, axis, reverse): the largest element so far; NaN stays; the gradient goes to the first maximum",
    Cumulative::max, cummax, extremum_vjp<true>, extremum_jvp<true>, reference<Cumulative::max>);
const OpDef cummin_op = cumulative_op(
    "cummin",
    "cummin(x, axis, reverse): the smallest element so far; NaN stays; the gradient goes to the first minimum",
    Cumulative::min, cummin, extremum_vjp<false>, extremum_jvp<false>, reference<Cumulative::min>);

Tensor cumsum(const Tensor& x, int axis, bool reverse, SourceLine line) {
  return build(cumsum_op, x, axis, reverse, true, line);
}
Tensor cumprod(const Tensor& x, int axis, bool reverse, SourceLine line) {
  return build(cumprod_op, x, axis, reverse, true, line);
}
Tensor cummax(const Tensor& x, int axis, bool reverse, SourceLine line) {
  return build(cummax_op, x, axis, reverse, false, line);
}
Tensor cummin(const Tensor& x, int axis, bool reverse, SourceLine line) {
  return build(cummin_op, x, axis, reverse, false, line);
}

}  // namespace bitale::ops
