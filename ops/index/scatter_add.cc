#include "ops/index/scatter.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  auto types = scatter_type(args);
  args.require(types[0].dtype != DType::bool_, "bools do not add");
  return types;
}

void reference(const Reference& r) {
  scatter_reference(r, [](auto& to, auto from) { to = static_cast<std::remove_reference_t<decltype(to)>>(to + from); });
}

}  // namespace

// scatter_add(x [outer, rows, inner], int64 indices [count], updates [outer, count, inner]) -> x with updates[:, k, :]
// added to row indices[k], for all k; indices may repeat. Lowers to the library's scatter_add, which adds in order of
// k: results are deterministic. The builder takes x, indices and updates of any rank, updates of shape x.shape[:axis] +
// indices.shape + x.shape[axis+1:] or one that broadcasts to it. Errors: operands that do not fit, bools; out of range
// indices: index.h.
const OpDef scatter_add_op{
    .name = "scatter_add",
    .doc = "scatter_add(x, indices, updates, axis): x with updates added at rows; duplicates accumulate",
    .type = type_rule,
    .library = "scatter_add",
    .library_extents = scatter_extents,
    .library_integers = scatter_integers,
    .library_in_place = true,
    .vjp = [](const Vjp& v) { return std::vector{v.dy(), Tensor{}, gather(v.dy(), v.in(1), 1)}; },
    .jvp = scatter_jvp,
    .batch = scatter_batch,
    .reference = reference,
    .samples = [] { return scatter_samples(scatter_add); },
    .default_params = [] { return make_params(NoParams{}); },
};

Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, SourceLine line) {
  return scatter(scatter_add_op, x, indices, updates, axis, line);
}

}  // namespace bitale::ops
