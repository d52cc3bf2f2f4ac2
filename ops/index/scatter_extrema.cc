// scatter_max and scatter_min.
#include "ops/index/scatter.h"

namespace bitale::ops {

using namespace ir;

namespace {

// Who wrote an element of the result: x, or the first of the updates that are as large (as small).
struct Winners {
  Tensor x;        // [outer, rows, inner]
  Tensor updates;  // [outer, count, inner]
};

// Where the result is NaN, x wins.
Winners winners(const OpDef& op, const Tensor& x, const Tensor& indices, const Tensor& updates, const Tensor& result) {
  const auto reaches = [&](const Tensor& value, const Tensor& best) {
    return logical_not(&op == &scatter_max_op ? less(value, best) : less(best, value));
  };
  const Tensor by_x = reaches(x, result);
  const Tensor open = logical_and(reaches(updates, gather(result, indices, 1)), logical_not(gather(by_x, indices, 1)));
  const Tensor order = iota(DType::i64, updates.shape(), 1),
               none = ir::full(Literal::integer(INT64_MAX, DType::i64), x.shape());
  const Tensor first = scatter_rows(scatter_min_op, none, indices, where(open, order, std::int64_t{INT64_MAX}));
  return {by_x, logical_and(open, equal(gather(first, indices, 1), order))};
}

std::vector<Tensor> vjp(const Vjp& v) {
  const Winners by = winners(v.node.op(), v.in(0), v.in(1), v.in(2), v.out());
  return {where(by.x, v.dy(), 0.0), Tensor{}, where(by.updates, gather(v.dy(), v.in(1), 1), 0.0)};
}

std::vector<Tensor> jvp(const Jvp& v) {
  if (!v.dx(0) && !v.dx(2)) return std::vector<Tensor>(1);
  const Winners by = winners(v.node.op(), v.in(0), v.in(1), v.in(2), v.out());
  const Tensor none = zeros_like(v.in(0));
  const Tensor dx = v.dx(0) ? where(by.x, v.dx(0), 0.0) : none;
  if (!v.dx(2)) return {dx};
  return {scatter_rows(scatter_add_op, dx, v.in(1), where(by.updates, v.dx(2), 0.0))};
}

OpDef extremum(std::string name, std::string doc, ScatterBuilder build, void (*reference)(const Reference& r)) {
  return {.name = name,
          .doc = std::move(doc),
          .type = scatter_type,
          .library = name,
          .library_extents = scatter_extents,
          .library_integers = scatter_integers,
          .library_in_place = true,
          .vjp = vjp,
          .jvp = jvp,
          .batch = scatter_batch,
          .reference = reference,
          .samples = [build] { return scatter_samples(build); },
          .default_params = [] { return make_params(NoParams{}); }};
}

}  // namespace

// scatter_max, scatter_min: as scatter_add, but the larger (the smaller) of what is there and the update stays; NaN if
// either is. The cotangent goes to x where that is as large, else to the first update that is.
const OpDef scatter_max_op = extremum(
    "scatter_max", "scatter_max(x, indices, updates, axis): the larger of x and all updates of a row; NaN if any is",
    scatter_max, [](const Reference& r) {
      scatter_reference(r, [](auto& to, auto from) { to = to != to || to > from ? to : from; });
    });
const OpDef scatter_min_op = extremum(
    "scatter_min", "scatter_min(x, indices, updates, axis): the smaller of x and all updates of a row; NaN if any is",
    scatter_min, [](const Reference& r) {
      scatter_reference(r, [](auto& to, auto from) { to = to != to || to < from ? to : from; });
    });

Tensor scatter_max(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, SourceLine line) {
  return scatter(scatter_max_op, x, indices, updates, axis, line);
}

Tensor scatter_min(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis, SourceLine line) {
  return scatter(scatter_min_op, x, indices, updates, axis, line);
}

}  // namespace bitale::ops
