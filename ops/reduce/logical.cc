// any, all and count_nonzero: numbers count as true where they are not 0, NaN among them.
#include "compiler/prim/reduction.h"
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/reduce.h"

namespace bitale::ops {

using ir::Combiner;
using ir::OpDef;

extern const OpDef any_op, all_op, count_nonzero_op;

namespace {

using Builder = Tensor (*)(const Tensor&, Axes, bool, SourceLine);

ir::Samples samples(Builder build) {
  return [build] {
    const auto over = [build](Axes axes, bool keepdims = false) {
      return [=](std::span<const Tensor> x) { return build(x[0], axes, keepdims, {}); };
    };
    return std::vector<ir::Sample>{
        ir::sample("rows", {ir::integers({6, 3}, 0, 1, DType::bool_)}, over({1})),
        ir::sample("columns", {ir::integers({3, 5}, 0, 1, DType::bool_)}, over({0})),
        ir::sample("all axes", {ir::integers({2, 3}, 0, 2)}, over({})),
        ir::sample("kept", {ir::integers({2, 3, 4}, -1, 1, DType::i8)}, over({0, -1}, true)),
        ir::sample("floats", {ir::uniform({3, 4})}, over({-1})),
    };
  };
}

OpDef logical_op(std::string name, std::string doc, Combiner combiner, Builder build) {
  return {
      .name = std::move(name),
      .doc = std::move(doc),
      .type =
          [](const ir::TypeArgs& args) {
            auto types = ir::reduced_type(args, DType::bool_);
            args.require(args.type(0).dtype == DType::bool_, "the operand must be bool");
            return types;
          },
      .element =
          [combiner](ir::Element& e) {
            return e.reduce(combiner, ir::reduced_extents(e.node()),
                            [&](std::span<const ir::Index> inner) { return e.input(0, ir::full_index(e, inner)); });
          },
      .vjp = ir::zero_vjp,
      .jvp = ir::zero_jvp,
      .batch = ir::batch_reduction,
      .samples = samples(build),
      .default_params = [] { return ir::make_params(ir::AxesParams{}); },
  };
}

Tensor build(const OpDef& op, const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes(op.name.c_str(), x, std::move(axes), line);
  const Tensor truth = cast(x, DType::bool_, line);
  const Tensor y = axes.empty() ? truth : apply1(op, ir::make_params(ir::AxesParams{axes}), {truth}, line);
  return with_kept_axes(y, x, axes, keepdims, line);
}

}  // namespace

const OpDef any_op =
    logical_op("any", "any(x, axes, keepdims): whether an element is not 0; false for no elements", Combiner::any, any);
const OpDef all_op =
    logical_op("all", "all(x, axes, keepdims): whether no element is 0; true for no elements", Combiner::all, all);

const OpDef count_nonzero_op{
    .name = "count_nonzero",
    .doc = "count_nonzero(x, axes, keepdims): int64; NaN is not 0",
    .composite = true,
    .samples = samples(count_nonzero),
};

Tensor any(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  return build(any_op, x, std::move(axes), keepdims, line);
}
Tensor all(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  return build(all_op, x, std::move(axes), keepdims, line);
}

Tensor count_nonzero(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("count_nonzero", x, std::move(axes), line);
  const Tensor total = ir::sum(cast(cast(x, DType::bool_, line), DType::i64, line), axes, line);
  return with_kept_axes(total, x, axes, keepdims, line);
}

}  // namespace bitale::ops
