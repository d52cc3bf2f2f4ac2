#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(2);
  require_integer(args, 1);
  const Shape &dy = args.type(0).shape, &indices = args.type(1).shape;
  args.require(dy.size() == indices.size(), "there must be one index per element");
  unify_rows(args, dy, indices, "there must be one index per element");
  const Dim& extent = args.params_as<PickBackwardParams>().extent;
  require_rows(args, extent, product(indices));
  Shape out = dy;
  out.push_back(extent);
  return {{args.type(0).dtype, out}};
}

Expr element(Element& e) {
  const std::vector<Index> at(e.index().begin(), e.index().end() - 1);
  const Expr row = row_of(e, e.input(1, at), e.node().params_as<PickBackwardParams>().extent, false);
  const Expr dy = e.input(0, at);
  return select(call(ScalarOp::eq, {row, e.value(e.index().back())}), dy, e.formula().integer(0, dy.type()));
}

void reference(const Reference& r) {
  const std::int64_t c = r.outputs[0].shape().back();
  dispatch(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto dy = r.inputs[0].view<T>();
    const auto out = r.outputs[0].view<T>();
    for (T& v : out) v = T{};
    for (std::size_t k = 0; k < dy.size(); ++k) {
      const auto row = static_cast<std::int64_t>(k);
      out[static_cast<std::size_t>(row * c + reference_row(r.node, r.inputs[1], row, c))] = dy[k];
    }
  });
}

std::vector<Sample> samples() {
  const auto build = [](std::int64_t extent) {
    return [extent](std::span<const Tensor> in) {
      return std::vector{pick_backward(in[0], sample_indices(in[1], extent), extent)};
    };
  };
  return {
      {"rows", {{{5}}, index_input({5})}, build(3)},
      {"one class", {{{4}}, index_input({4}, DType::i32)}, build(1)},
      {"two axes", {{{2, 3}}, index_input({2, 3}, DType::i8)}, build(4)},
      {"scalar", {{{}}, index_input({})}, build(4)},
      {"no rows", {{{0}}, index_input({0})}, build(3)},
  };
}

}  // namespace

// pick_backward(dy [...], indices [...]; c) -> [..., c]: dy[i] at indices[i] of row i, 0 elsewhere. Its transpose is
// pick.
const OpDef pick_backward_op{
    .name = "pick_backward",
    .doc = "the transpose of pick: zeros with one element of each row set",
    .type = type_rule,
    .element = element,
    .vjp = [](const Vjp& v) { return std::vector{pick(v.dy(), v.in(1)), Tensor{}}; },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(0) ? pick_backward(v.dx(0), v.in(1), v.node.params_as<PickBackwardParams>().extent)
                                     : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(PickBackwardParams{}); },
};

Tensor pick_backward(const Tensor& dy, const Tensor& indices, const Dim& extent, SourceLine line) {
  return apply_checked(pick_backward_op, make_params(PickBackwardParams{extent}), {dy, indices}, extent, line);
}

}  // namespace bitale::ops
