// standardise, and the op under it: variance_about.
//
// The derivative of the variance is written out, because that of the composition differentiates through the mean inside
// of it, whose derivative is 0. So the gradient of standardise has one sum of dy and one of dy (x - mean).
#include "compiler/prim/reduction.h"
#include "ops/api/elementwise.h"
#include "ops/api/reduce.h"
#include "ops/nn/composite.h"

namespace bitale::ops {

using ir::Combiner;
using ir::Expr;
using ir::Index;
using ir::OpDef;
using ir::sample;
using ir::Sample;
using ir::uniform;

extern const OpDef variance_about_op, standardise_op;

namespace {

const Axes& axes_of(const ir::Node& node) { return node.params_as<ir::AxesParams>().axes; }

Dim count_of(const ir::Node& node) {
  Dim count(1);
  for (const Dim& d : ir::reduced_extents(node)) count = count * d;
  return count;
}

std::vector<ir::TensorType> type_rule(const ir::TypeArgs& args) {
  args.require_count(2);
  require_float(args, 0);
  const Axes& axes = args.params_as<ir::AxesParams>().axes;
  const Shape &x = args.type(0).shape, &mean = args.type(1).shape;
  Shape out;
  for (std::size_t a = 0; a < x.size(); ++a)
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(a))) out.push_back(x[a]);
  args.require(out.size() + axes.size() == x.size(), "axes must be sorted, unique and there");
  args.require(args.type(1).dtype == args.type(0).dtype && mean.size() == out.size(),
               "the mean must be that over the axes");
  for (std::size_t a = 0; a < out.size(); ++a) args.unify(mean[a], out[a], "the mean must be that over the axes");
  return {{args.type(0).dtype, out}};
}

Expr element(ir::Element& e) {
  const Expr mean = e.input(1);
  const Expr total = e.reduce(Combiner::sum, ir::reduced_extents(e.node()), [&](std::span<const Index> inner) {
    const Expr d = e.input(0, ir::full_index(e, inner)) - mean;
    return d * d;
  });
  return total / cast(e.extent(count_of(e.node())), mean.type());
}

// d v / d x = 2 (x - mean) / count, in two factors: one for each variance, one for each element.
Tensor factor(const ir::Node& node) { return 2 / cast(ir::extent(count_of(node)), node.input(0).dtype()); }

Tensor above_mean(const ir::Node& node) {
  return node.input(0) - ir::broadcast_reduced(node.input(1), axes_of(node), node.input(0).shape());
}

std::vector<Tensor> vjp(const ir::Vjp& v) {
  if (!v.dy()) return ir::zero_vjp(v);
  const Tensor scaled = v.dy() * factor(v.node);
  return {ir::broadcast_reduced(scaled, axes_of(v.node), v.in(0).shape()) * above_mean(v.node), {}};
}

std::vector<Tensor> jvp(const ir::Jvp& v) {
  if (!v.dx(0)) return ir::zero_jvp(v);
  return {ir::sum(v.dx(0) * above_mean(v.node), axes_of(v.node)) * factor(v.node)};
}

std::vector<Tensor> batch(const ir::Batch& b) {
  ir::AxesParams p = b.node.params_as<ir::AxesParams>();
  for (std::int64_t& a : p.axes) ++a;
  return apply(b.node.op(), ir::make_params(p), {with_batch_axis(b, 0), with_batch_axis(b, 1)});
}

}  // namespace

// variance_about(x, mean of x over the axes; axes) -> the other axes: mean((x - mean)^2). Derivatives are those of a
// function of x alone.
const OpDef variance_about_op{
    .name = "variance_about",
    .doc = "mean of (x - mean)^2 over axes, from the mean; under standardise and batch_norm",
    .type = type_rule,
    .element = element,
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch,
    .samples =
        [] {
          const auto build = [](Axes axes) {
            return [=](std::span<const Tensor> x) { return variance_about(x[0], mean(x[0], axes), axes); };
          };
          return std::vector<Sample>{sample("rows", {uniform({3, 5})}, build({1})),
                                     sample("outer axes", {uniform({2, 3, 4})}, build({0, 2})),
                                     sample("all", {uniform({7})}, build({0}))};
        },
    .default_params = [] { return ir::make_params(ir::AxesParams{}); },
};

Tensor variance_about(const Tensor& x, const Tensor& mean, const Axes& axes, SourceLine line) {
  return apply1(variance_about_op, ir::make_params(ir::AxesParams{axes}), {x, mean}, line);
}

const OpDef standardise_op{
    .name = "standardise",
    .doc = "standardise(x, axes, epsilon): (x - mean) / sqrt(variance + epsilon) over the axes",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{
              sample(
                  "rows", {uniform({3, 5})}, [](auto x) { return standardise(x[0], {-1}); }, 10),
              sample("columns", {uniform({4, 3})}, [](auto x) { return standardise(x[0], {0}, 0.1); }),
              sample("outer axes", {uniform({2, 3, 4})}, [](auto x) { return standardise(x[0], {0, 2}, 0.1); }),
              sample(
                  "far from 0", {uniform({2, 6}, 99, 101)}, [](auto x) { return standardise(x[0], {1}, 0.1); }, 100),
              sample("one element", {uniform({4, 1})}, [](auto x) { return standardise(x[0], {1}); })};
        },
};

Tensor standardise(const Tensor& x, Axes axes, double epsilon, SourceLine line) {
  const Tensor f = as_float("standardise", x, line);
  axes = normal_axes("standardise", f, std::move(axes), line);
  return standardised(f, axes, epsilon, line).y;
}

Standardised standardised(const Tensor& x, const Axes& axes, double epsilon, SourceLine line) {
  Standardised s;
  s.mean = mean(x, axes, false, line);
  s.variance = variance_about(x, s.mean, axes, line);
  const Tensor inverse = div(1, sqrt(add(s.variance, epsilon, line), line), line);
  s.y = mul(sub(x, ir::broadcast_reduced(s.mean, axes, x.shape()), line),
            ir::broadcast_reduced(inverse, axes, x.shape()), line);
  return s;
}

}  // namespace bitale::ops
