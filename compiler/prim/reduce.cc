// Reductions: sum, max, and the positions of extrema.
#include <algorithm>

#include "compiler/prim/list.h"
#include "compiler/prim/reduction.h"
#include "compiler/prim/samples.h"

namespace bitale::ir {

using Axes = std::vector<std::int64_t>;

// ---- what reductions share ----

namespace {

bool reduced(const Axes& axes, std::size_t k) {
  return std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(k));
}

}  // namespace

std::vector<TensorType> reduced_type(const TypeArgs& args, DType dtype) {
  args.require_count(1);
  const Axes& axes = args.params_as<AxesParams>().axes;
  args.require(std::is_sorted(axes.begin(), axes.end()) && std::adjacent_find(axes.begin(), axes.end()) == axes.end(),
               "axes must be sorted and unique");
  for (std::int64_t a : axes) args.require(a >= 0 && a < args.type(0).rank(), "there is no axis " + std::to_string(a));
  Shape shape;
  for (std::size_t k = 0; k < args.type(0).shape.size(); ++k)
    if (!reduced(axes, k)) shape.push_back(args.type(0).shape[k]);
  return {{dtype, std::move(shape)}};
}

std::vector<Dim> reduced_extents(const Node& node) {
  std::vector<Dim> extents;
  for (std::int64_t a : node.params_as<AxesParams>().axes) extents.push_back(node.input(0).dim(static_cast<int>(a)));
  return extents;
}

std::vector<Index> full_index(const Element& e, std::span<const Index> inner) {
  const Axes& axes = e.node().params_as<AxesParams>().axes;
  std::vector<Index> at;
  int outer = 0;
  std::size_t next = 0;
  for (std::size_t k = 0; k < e.node().input(0).shape().size(); ++k)
    at.push_back(reduced(axes, k) ? inner[next++] : e.index(outer++));
  return at;
}

std::vector<Tensor> batch_reduction(const Batch& b) {
  Axes axes = b.node.params_as<AxesParams>().axes;
  for (std::int64_t& a : axes) ++a;
  return apply(b.node.op(), make_params(AxesParams{std::move(axes)}), {b.inputs.begin(), b.inputs.end()});
}

namespace {

DType sum_dtype(DType d) { return is_floating(d) ? d : DType::i64; }

Params default_axes() { return make_params(AxesParams{}); }

Samples reduction_samples(Tensor (*build)(const Tensor&, Axes, SourceLine)) {
  return [build] {
    return std::vector<Sample>{
        sample("rows", {uniform({3, 4})}, [build](auto x) { return build(x[0], {1}, {}); }),
        sample("columns", {uniform({3, 4})}, [build](auto x) { return build(x[0], {0}, {}); }),
        sample("all", {uniform({2, 3})}, [build](auto x) { return build(x[0], {0, 1}, {}); }),
        sample("outer and inner", {uniform({2, 3, 4})}, [build](auto x) { return build(x[0], {0, 2}, {}); })};
  };
}

// argmax and argmin.
OpDef position_op(std::string name, std::string doc, Combiner combiner,
                  Tensor (*build)(const Tensor&, Axes, SourceLine)) {
  return {
      .name = std::move(name),
      .doc = std::move(doc),
      .type = [](const TypeArgs& args) { return reduced_type(args, DType::i64); },
      .element =
          [combiner](Element& e) {
            const std::vector<Dim> extents = reduced_extents(e.node());
            return e
                .reduce_pair(combiner, extents,
                             [&](std::span<const Index> inner) {
                               return std::pair{e.input(0, full_index(e, inner)), e.value(flatten(inner, extents))};
                             })
                .second;
          },
      .vjp = zero_vjp,
      .jvp = zero_jvp,
      .batch = batch_reduction,
      .samples =
          [build] {
            auto list = reduction_samples(build)();
            list.push_back(sample("ties", {{.shape = {3, 5}, .low = 0, .high = 2, .dtype = DType::i32}},
                                  [build](auto x) { return build(x[0], {1}, {}); }));
            return list;
          },
      .dtypes = {DType::f32, DType::f64, DType::i32},
      .default_params = default_axes,
  };
}

// max and min: the gradient goes to the element at `position`, the first extremum.
OpDef extremum_op(std::string name, std::string doc, Combiner combiner,
                  Tensor (*position)(const Tensor&, Axes, SourceLine),
                  Tensor (*build)(const Tensor&, Axes, SourceLine)) {
  auto mask = [position](const Node& node) {
    const Axes& axes = node.params_as<AxesParams>().axes;
    return selected_mask(node.input(0), position(node.input(0), axes, {}), axes);
  };
  return {
      .name = std::move(name),
      .doc = std::move(doc),
      .type =
          [](const TypeArgs& args) {
            auto types = reduced_type(args, args.count() == 1 ? args.type(0).dtype : DType::f32);
            args.require(types[0].dtype != DType::bool_, "the operand must be a number, not bool");
            return types;
          },
      .element =
          [combiner](Element& e) {
            return e.reduce(combiner, reduced_extents(e.node()),
                            [&](std::span<const Index> inner) { return e.input(0, full_index(e, inner)); });
          },
      .vjp =
          [mask](const Vjp& v) {
            if (!v.dy()) return zero_vjp(v);
            const Tensor spread = broadcast_reduced(v.dy(), v.node.params_as<AxesParams>().axes, v.in(0).shape());
            return std::vector<Tensor>{where(mask(v.node), spread, zeros_like(v.in(0)))};
          },
      .jvp =
          [mask](const Jvp& v) {
            if (!v.dx(0)) return zero_jvp(v);
            return std::vector<Tensor>{
                sum(where(mask(v.node), v.dx(0), zeros_like(v.dx(0))), v.node.params_as<AxesParams>().axes)};
          },
      .batch = batch_reduction,
      .samples = reduction_samples(build),
      .dtypes = {DType::f32, DType::f64, DType::i32},
      .default_params = default_axes,
  };
}

}  // namespace

const OpDef sum_op{
    .name = "sum",
    .doc = "sum(x, axes, keepdims): bools and small integers are summed in int64",
    .type =
        [](const TypeArgs& args) {
          return reduced_type(args, args.count() == 1 ? sum_dtype(args.type(0).dtype) : DType::f32);
        },
    .element =
        [](Element& e) {
          return e.reduce(Combiner::sum, reduced_extents(e.node()), [&](std::span<const Index> inner) {
            return cast(e.input(0, full_index(e, inner)), e.node().type().dtype);
          });
        },
    .vjp =
        [](const Vjp& v) {
          const bool zero = !v.dy() || !is_floating(v.in(0).dtype());
          return std::vector<Tensor>{
              zero ? Tensor() : broadcast_reduced(v.dy(), v.node.params_as<AxesParams>().axes, v.in(0).shape())};
        },
    .jvp = linear_jvp,
    .batch = batch_reduction,
    .samples = reduction_samples(sum),
    .dtypes = {DType::f32, DType::f64, DType::i32, DType::bool_},
    .default_params = default_axes,
};

const OpDef max_op = extremum_op("max", "max(x, axes, keepdims): NaN wins; the gradient goes to the first maximum",
                                 Combiner::max, argmax, max);
const OpDef min_op = extremum_op("min", "min(x, axes, keepdims): NaN wins; the gradient goes to the first minimum",
                                 Combiner::min, argmin, min);
const OpDef argmax_op = position_op(
    "argmax", "argmax(x, axes, keepdims): position of the first maximum, int64; NaN wins", Combiner::arg_max, argmax);
const OpDef argmin_op = position_op(
    "argmin", "argmin(x, axes, keepdims): position of the first minimum, int64; NaN wins", Combiner::arg_min, argmin);

Tensor sum(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line) {
  if (x && axes.empty()) return cast(x, sum_dtype(x.dtype()), line);
  return apply1(sum_op, make_params(AxesParams{std::move(axes)}), {x}, line);
}

Tensor max(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line) {
  if (x && axes.empty()) return x;
  return apply1(max_op, make_params(AxesParams{std::move(axes)}), {x}, line);
}

Tensor min(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line) {
  if (x && axes.empty()) return x;
  return apply1(min_op, make_params(AxesParams{std::move(axes)}), {x}, line);
}

Tensor argmax(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line) {
  return apply1(argmax_op, make_params(AxesParams{std::move(axes)}), {x}, line);
}

Tensor argmin(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line) {
  return apply1(argmin_op, make_params(AxesParams{std::move(axes)}), {x}, line);
}

Tensor broadcast_reduced(const Tensor& y, const std::vector<std::int64_t>& axes, const Shape& shape) {
  Shape kept = shape;
  for (std::int64_t a : axes) kept[static_cast<std::size_t>(a)] = Dim(1);
  return broadcast_to(reshape(y, kept), shape);
}

Tensor selected_mask(const Tensor& x, const Tensor& position, const std::vector<std::int64_t>& axes) {
  Tensor here;
  Dim stride(1);
  for (auto it = axes.rbegin(); it != axes.rend(); ++it) {
    const Tensor along = iota(DType::i64, x.shape(), static_cast<int>(*it));
    here = accumulate(here, stride.is(1) ? along : mul(along, extent(stride)));
    stride = stride * x.dim(static_cast<int>(*it));
  }
  if (!here) here = zeros(DType::i64, x.shape());
  return equal(here, broadcast_reduced(position, axes, x.shape()));
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  const std::size_t extra = x.shape().size() - shape.size();
  std::vector<std::int64_t> axes;
  for (std::size_t k = 0; k < x.shape().size(); ++k)
    if (k < extra || (shape[k - extra].is(1) && !x.shape()[k].is(1))) axes.push_back(static_cast<std::int64_t>(k));
  const Tensor total = sum(x, axes);
  if (total.rank() == static_cast<int>(shape.size())) return broadcast_to(total, shape);
  Shape kept(total.shape());
  for (std::size_t k = 0; k < shape.size(); ++k)
    if (std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(k + extra)))
      kept.insert(kept.begin() + static_cast<std::ptrdiff_t>(k), Dim(1));
  return broadcast_to(reshape(total, kept), shape);
}

}  // namespace bitale::ir
