#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(1);
  require_integer(args, 0);
  return {{DType::i64, args.type(0).shape}};
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<CheckedRowsParams>();
  const std::int64_t n = p.extent.evaluate(r.symbols);
  const auto out = r.outputs[0].view<std::int64_t>();
  for (std::size_t k = 0; k < out.size(); ++k)
    out[k] = reference_row(r.node, r.inputs[0], static_cast<std::int64_t>(k), n, p.from_end);
}

std::vector<Sample> samples() {
  const auto build = [](std::int64_t n) {
    return [n](std::span<const Tensor> in) { return std::vector{checked_rows(sample_indices(in[0], n), n, "sample")}; };
  };
  return {
      {"both signs", {index_input({7}, DType::i64)}, build(5)},
      {"two axes", {index_input({2, 3}, DType::i8)}, build(4)},
      {"unsigned", {index_input({4}, DType::u8)}, build(3)},
      {"one row", {index_input({}, DType::i32)}, build(1)},
      {"no indices", {index_input({0}, DType::i16)}, build(3)},
      {"from the start alone",
       {index_input({4}, DType::u8)},
       [](std::span<const Tensor> in) {
         return std::vector{checked_rows(sample_indices(in[0], 5), 5, "sample", {}, false)};
       }},
  };
}

}  // namespace

// checked_rows(indices; extent, from_end) -> int64 rows in [0, extent): the data check of all ops that read by index,
// and the one place where negative indices are resolved (or refused, if not from_end). A library call, so that it is
// done once per tensor of indices, and before anything reads by them; the indices are memory of their own then.
// Nobody's rows are not checked: the node is dead.
const OpDef checked_rows_op{
    .name = "checked_rows",
    .doc =
        "the indices, after a check that each is in [-n, n), with negative ones counted from the end, or is in [0, n)",
    .type = type_rule,
    .library = "checked_rows",
    .library_extents =
        [](const Node& n) {
          return std::vector<Dim>{n.params_as<CheckedRowsParams>().extent, product(n.type().shape)};
        },
    .library_integers =
        [](const Node& n) {
          return std::vector{static_cast<std::int64_t>(n.input(0).dtype()),
                             std::int64_t{n.params_as<CheckedRowsParams>().from_end}};
        },
    .label = [](const Node& n) { return n.params_as<CheckedRowsParams>().user + " indices"; },
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(CheckedRowsParams{}); },
};

Tensor checked_rows(const Tensor& indices, const Dim& n, const std::string& user, SourceLine line, bool from_end) {
  const Node& node = indices.node();
  if (&node.op() == &checked_rows_op && node.params_as<CheckedRowsParams>().extent == n) return indices;
  return apply1(checked_rows_op, make_params(CheckedRowsParams{n, user, from_end}), {indices}, line);
}

}  // namespace bitale::ops
