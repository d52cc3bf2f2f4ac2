// logsumexp: log sum exp(x), shifted by the maximum so that nothing overflows.
#include "compiler/prim/reduction.h"
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/elementwise.h"
#include "ops/api/reduce.h"

namespace bitale::ops {

using ir::Combiner;
using ir::Expr;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef logsumexp_op;

namespace {

const Axes& axes_of(const ir::Node& node) { return node.params_as<ir::AxesParams>().axes; }

// An infinite maximum is not subtracted: -inf alone gives -inf, and +inf gives +inf, instead of NaN.
Expr shift_of(Expr highest) {
  const Expr zero = ir::like(highest, 0);
  return ir::select(ir::call(ScalarOp::eq, {highest - highest, zero}), highest, zero);
}

Expr logsumexp_element(ir::Element& e) {
  const auto extents = ir::reduced_extents(e.node());
  const Expr shift =
      shift_of(e.reduce(Combiner::max, extents, [&](auto inner) { return e.input(0, ir::full_index(e, inner)); }));
  const Expr total = e.reduce(Combiner::sum, extents, [&](auto inner) {
    return ir::call(ScalarOp::exp, {e.input(0, ir::full_index(e, inner)) - shift});
  });
  return ir::call(ScalarOp::log, {total}) + shift;
}

// exp(x - y), the derivative; 1 where x is all there is of y, also if it is infinite.
Tensor weights(const ir::Node& node) {
  const Tensor& x = node.input(0);
  const Tensor y = broadcast_reduced(Tensor(ir::NodePtr(&node), 0), axes_of(node), x.shape());
  return where(equal(x, y), 1, exp(x - y));
}

}  // namespace

const OpDef logsumexp_op{
    .name = "logsumexp",
    .doc = "logsumexp(x, axes, keepdims): log of the sum of exp(x), without overflow",
    .type =
        [](const ir::TypeArgs& args) {
          args.require_count(1);
          args.require(is_floating(args.type(0).dtype), "the operand must be a float");
          return ir::reduced_type(args, args.type(0).dtype);
        },
    .element = logsumexp_element,
    .vjp =
        [](const ir::Vjp& v) {
          if (!v.dy()) return ir::zero_vjp(v);
          return std::vector<Tensor>{broadcast_reduced(v.dy(), axes_of(v.node), v.in(0).shape()) * weights(v.node)};
        },
    .jvp =
        [](const ir::Jvp& v) {
          if (!v.dx(0)) return ir::zero_jvp(v);
          return std::vector<Tensor>{ir::sum(v.dx(0) * weights(v.node), axes_of(v.node))};
        },
    .batch = ir::batch_reduction,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("rows", {ir::uniform({3, 4}, -3, 3)}, [](auto x) { return logsumexp(x[0], {1}); }),
              ir::sample("all", {ir::uniform({2, 3}, -3, 3)}, [](auto x) { return logsumexp(x[0]); }),
              ir::sample(
                  "large", {ir::uniform({3, 4}, 700, 1000)}, [](auto x) { return logsumexp(x[0], {-1}, true); }, 10)};
        },
    .default_params = [] { return ir::make_params(ir::AxesParams{}); },
};

Tensor logsumexp(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("logsumexp", x, std::move(axes), line);
  const Operand operand = x;
  const Tensor f = cast(x, ir::float_dtype({&operand, 1}), line);
  return with_kept_axes(apply1(logsumexp_op, ir::make_params(ir::AxesParams{axes}), {f}, line), x, axes, keepdims,
                        line);
}

}  // namespace bitale::ops
