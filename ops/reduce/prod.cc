// prod: the product over axes.
#include "compiler/prim/reduction.h"
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/reduce/cumulative.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef prod_op;

namespace {

const Axes& reduced_axes(const ir::Node& node) { return node.params_as<ir::AxesParams>().axes; }

// For each element the product of all others that are reduced with it: those before it times those after it. No
// division: right, and differentiable again, with any number of zeros.
Tensor product_of_others(const Tensor& x, const Axes& axes) {
  if (axes.size() == 1) {
    const std::int64_t axis = axes[0];
    const auto a = static_cast<int>(axis);
    return neighbour(cumprod(x, a), axis, false, 1) * neighbour(cumprod(x, a, true), axis, true, 1);
  }
  // Several axes become one, the last.
  Axes order, inverse(x.shape().size());
  Shape shape;
  for (int k = 0; k < x.rank(); ++k)
    if (!std::binary_search(axes.begin(), axes.end(), k)) order.push_back(k);
  for (std::int64_t k : order) shape.push_back(x.dim(static_cast<int>(k)));
  order.insert(order.end(), axes.begin(), axes.end());
  for (std::size_t i = 0; i < order.size(); ++i)
    inverse[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  Dim count(1);
  for (std::int64_t k : axes) count = count * x.dim(static_cast<int>(k));
  shape.push_back(count);
  const Tensor ordered = ir::transpose(x, order);
  const Tensor others = product_of_others(ir::reshape(ordered, shape), {static_cast<std::int64_t>(shape.size()) - 1});
  return ir::transpose(ir::reshape(others, ordered.shape()), inverse);
}

std::vector<ir::Sample> samples() {
  const auto over = [](Axes axes) { return [axes](std::span<const Tensor> x) { return prod(x[0], axes); }; };
  return {
      ir::sample("rows", {ir::uniform({3, 4}, -2, 2)}, over({1})),
      ir::sample("columns", {ir::uniform({5, 2}, -2, 2)}, over({0})),
      ir::sample("all", {ir::uniform({2, 3}, -2, 2)}, over({})),
      ir::sample("outer and inner, kept", {ir::uniform({2, 3, 4}, -2, 2)},
                 [](auto x) { return prod(x[0], {0, -1}, true); }),
      ir::sample("small integers", {ir::integers({2, 5}, -9, 9, DType::i8)}, over({1})),
  };
}

}  // namespace

const OpDef prod_op{
    .name = "prod",
    .doc = "prod(x, axes, keepdims): bools and integers are multiplied in int64; the derivatives are right with zeros",
    .type =
        [](const ir::TypeArgs& args) {
          auto types = ir::reduced_type(args, args.count() == 1 ? args.type(0).dtype : DType::f32);
          args.require(is_floating(types[0].dtype) || types[0].dtype == DType::i64,
                       "the operand must be a float or int64");
          return types;
        },
    .element =
        [](ir::Element& e) {
          return e.reduce(ir::Combiner::prod, ir::reduced_extents(e.node()),
                          [&](std::span<const ir::Index> inner) { return e.input(0, ir::full_index(e, inner)); });
        },
    .vjp =
        [](const ir::Vjp& v) {
          if (!v.dy()) return ir::zero_vjp(v);
          const Axes& axes = reduced_axes(v.node);
          return std::vector{ir::broadcast_reduced(v.dy(), axes, v.in(0).shape()) * product_of_others(v.in(0), axes)};
        },
    .jvp =
        [](const ir::Jvp& v) {
          if (!v.dx(0)) return ir::zero_jvp(v);
          const Axes& axes = reduced_axes(v.node);
          return std::vector{ir::sum(v.dx(0) * product_of_others(v.in(0), axes), axes)};
        },
    .batch = ir::batch_reduction,
    .samples = samples,
    .dtypes = {DType::f32, DType::f64, DType::i32},
    .default_params = [] { return ir::make_params(ir::AxesParams{}); },
};

Tensor prod(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("prod", x, std::move(axes), line);
  const Tensor in = is_floating(x.dtype()) ? x : cast(x, DType::i64, line);
  const Tensor y = axes.empty() ? in : apply1(prod_op, ir::make_params(ir::AxesParams{axes}), {in}, line);
  return with_kept_axes(y, x, axes, keepdims, line);
}

}  // namespace bitale::ops
