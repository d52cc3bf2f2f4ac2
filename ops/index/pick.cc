#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(2);
  require_integer(args, 1);
  const Shape &x = args.type(0).shape, &indices = args.type(1).shape;
  args.require(x.size() == indices.size() + 1, "there must be one index per row of the last axis");
  unify_rows(args, x, indices, "there must be one index per row of the last axis");
  require_rows(args, x.back(), product(indices));
  return {{args.type(0).dtype, indices}};
}

Expr element(Element& e) {
  std::vector<Index> at = e.index();
  at.emplace_back(row_of(e, e.input(1), e.node().input(0).shape().back(), true));
  return e.input(0, at);
}

void reference(const Reference& r) {
  const std::int64_t c = r.inputs[0].shape().back();
  dispatch(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = r.inputs[0].view<T>();
    const auto out = r.outputs[0].view<T>();
    for (std::size_t k = 0; k < out.size(); ++k) {
      const auto row = static_cast<std::int64_t>(k);
      out[k] = x[static_cast<std::size_t>(row * c + reference_row(r.node, r.inputs[1], row, c))];
    }
  });
}

std::vector<Sample> samples() {
  const auto build = [](std::span<const Tensor> in) {
    return std::vector{pick(in[0], sample_indices(in[1], in[0].shape().back()))};
  };
  return {
      {"rows", {{{5, 3}}, index_input({5})}, build},
      {"one class", {{{4, 1}}, index_input({4}, DType::i32)}, build},
      {"three axes", {{{2, 3, 4}}, index_input({2, 3}, DType::i8)}, build},
      {"one row", {{{4}}, index_input({})}, build},
      {"no rows", {{{0, 3}}, index_input({0})}, build},
  };
}

}  // namespace

// pick(x [..., c], indices [...]) -> [...]: x[i, indices[i]] for every row i. Its cotangent is one-hot: an element map,
// no scatter. Errors: indices that are not integers or not one per row; out of range indices: index.h.
const OpDef pick_op{
    .name = "pick",
    .doc = "pick(x, indices): x[i, indices[i]], one element of each row",
    .type = type_rule,
    .element = element,
    .vjp = [](const Vjp& v) { return std::vector{pick_backward(v.dy(), v.in(1), v.in(0).shape().back()), Tensor{}}; },
    .jvp = [](const Jvp& v) { return std::vector{v.dx(0) ? pick(v.dx(0), v.in(1)) : Tensor{}}; },
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(NoParams{}); },
};

Tensor pick(const Tensor& x, const Tensor& indices, SourceLine line) {
  const Dim classes = x.rank() > 0 ? x.shape().back() : Dim(0);  // a scalar is refused
  return apply_checked(pick_op, make_params(NoParams{}), {x, indices}, classes, line);
}

}  // namespace bitale::ops
