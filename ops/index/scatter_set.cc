#include "ops/index/scatter.h"

namespace bitale::ops {

using namespace ir;

namespace {

// Of each index, whether its update is what stays: [1, count, 1].
Tensor stays(const Tensor& x, const Tensor& indices) {
  const Dim& count = indices.dim(0);
  const Tensor order = iota(DType::i64, {1, count, 1}, 1);
  const Tensor last = scatter_rows(scatter_set_op, zeros(DType::i64, {1, x.dim(1), 1}), indices, order);
  return equal(gather(last, indices, 1), order);
}

std::vector<Tensor> vjp(const Vjp& v) {
  const Tensor &x = v.in(0), &indices = v.in(1), &updates = v.in(2);
  return {scatter_rows(scatter_set_op, v.dy(), indices, zeros_like(updates)), Tensor{},
          where(stays(x, indices), gather(v.dy(), indices, 1), 0.0)};
}

std::vector<Sample> samples() {
  auto list = scatter_samples(scatter_set);
  list.push_back({"bools",
                  {{.shape = {5}, .dtype = DType::bool_}, index_input({3}), {.shape = {3}, .dtype = DType::bool_}},
                  [](std::span<const Tensor> in) {
                    return std::vector{scatter_set(in[0], sample_indices(in[1], in[0].dim(0)), in[2])};
                  }});
  return list;
}

}  // namespace

// scatter_set: as scatter_add, but the updates replace what is there; of equal indices the last wins. The cotangent of
// what was overwritten, in x or by a later update, is 0.
const OpDef scatter_set_op{
    .name = "scatter_set",
    .doc = "scatter_set(x, indices, updates, axis): x with updates put at rows; of equal indices the last wins",
    .type = scatter_type,
    .library = "scatter_set",
    .library_extents = scatter_extents,
    .library_integers = scatter_integers,
    .library_in_place = true,
    .vjp = vjp,
    .jvp = scatter_jvp,
    .batch = scatter_batch,
    .reference = [](const Reference& r) { scatter_reference(r, [](auto& to, auto from) { to = from; }); },
    .samples = samples,
    .default_params = [] { return make_params(NoParams{}); },
};

Tensor scatter_set(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, SourceLine line) {
  return scatter(scatter_set_op, x, indices, updates, axis, line);
}

}  // namespace bitale::ops
