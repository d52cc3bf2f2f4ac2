// linear_recurrence, and what it shares with the cumulative ops.
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/reduce/cumulative.h"

namespace bitale::ops {

using ir::Node;
using ir::OpDef;

extern const OpDef linear_recurrence_op;

std::vector<Dim> cumulative_extents(const Node& node) {
  const Shape& shape = node.type().shape;
  const auto axis = shape.begin() + node.params_as<CumulativeParams>().axis;
  return {ir::product(Shape(shape.begin(), axis)), *axis, ir::product(Shape(axis + 1, shape.end()))};
}

Tensor at_end(const Tensor& x, std::int64_t axis, bool last) {
  const auto a = static_cast<int>(axis);
  const Tensor place = ir::iota(DType::i64, x.shape(), a);
  return last ? ir::equal(place, ir::extent(x.dim(a) - 1)) : ir::equal(place, 0);
}

Tensor neighbour(const Tensor& x, std::int64_t axis, bool after, int first) {
  const auto a = static_cast<std::size_t>(axis);
  Shape starts(x.shape().size(), Dim(0)), extents = x.shape(), places = starts;
  extents[a] = max(extents[a] - 1, Dim(0));
  (after ? starts : places)[a] = 1;
  const std::vector<std::int64_t> steps(starts.size(), 1);
  const Tensor moved = ir::pad(ir::slice(x, starts, extents, steps), places, x.shape(), steps);
  return first == 0 ? moved : ir::where(at_end(x, axis, after), ir::full_like(x, first), moved);
}

namespace {

const CumulativeParams& params_of(const Node& n) { return n.params_as<CumulativeParams>(); }

std::vector<ir::TensorType> type_rule(const ir::TypeArgs& args) {
  args.require_count(2);
  auto types = ir::same_float(args);
  const std::int64_t axis = args.params_as<CumulativeParams>().axis;
  args.require(axis >= 0 && axis < types[0].rank(), "there is no axis " + std::to_string(axis));
  return types;
}

// With g[k] = dy[k] + a[k+1] g[k+1]: db = g, da[k] = g[k] h[k-1].
std::vector<Tensor> vjp(const ir::Vjp& v) {
  if (!v.dy()) return ir::zero_vjp(v);
  const auto& [axis, reverse] = params_of(v.node);
  const auto a = static_cast<int>(axis);
  const Tensor g = linear_recurrence(neighbour(v.in(0), axis, !reverse, 0), v.dy(), a, !reverse);
  return {g * neighbour(v.out(), axis, reverse, 0), g};
}

std::vector<Tensor> jvp(const ir::Jvp& v) {
  const auto& [axis, reverse] = params_of(v.node);
  const Tensor da = v.dx(0) ? v.dx(0) * neighbour(v.out(), axis, reverse, 0) : Tensor();
  const Tensor db = ir::accumulate(da, v.dx(1));
  return {db ? linear_recurrence(v.in(0), db, static_cast<int>(axis), reverse) : Tensor()};
}

void reference(const ir::Reference& r) {
  const auto& [axis, reverse] = params_of(r.node);
  const Extents& shape = r.outputs[0].shape();
  const auto a = static_cast<std::size_t>(axis);
  std::int64_t inner = 1;
  for (std::size_t k = a + 1; k < shape.size(); ++k) inner *= shape[k];
  const std::int64_t n = shape[a];
  for (std::int64_t i = 0; i < r.outputs[0].size(); ++i) {
    // Every element on its own, from the end that the recurrence begins at. Not as b[k] + a[k] b[k-1] + ...: products
    // of several a may be infinite or NaN where the recurrence is not.
    const std::int64_t place = i / inner % n, before = reverse ? n - 1 - place : place;
    dispatch(r.outputs[0].dtype(), [&](auto type) {
      using T = typename decltype(type)::type;
      T total{};
      for (std::int64_t k = before; k >= 0; --k) {
        const std::int64_t at = i + (reverse ? k : -k) * inner;
        const double b = r.inputs[1].at(at);
        total = static_cast<T>(k == before ? b : r.inputs[0].at(at) * static_cast<double>(total) + b);
      }
      r.outputs[0].view<T>()[static_cast<std::size_t>(i)] = total;
    });
  }
}

std::vector<ir::Sample> samples() {
  const auto along = [](int axis, bool reverse) {
    return [=](std::span<const Tensor> x) { return linear_recurrence(x[0], x[1], axis, reverse); };
  };
  return {
      ir::sample("rows", {ir::uniform({3, 5}), ir::uniform({3, 5})}, along(1, false)),
      ir::sample("columns", {ir::uniform({4, 3}), ir::uniform({4, 3})}, along(0, false)),
      ir::sample("middle axis, reverse", {ir::uniform({2, 4, 3}), ir::uniform({2, 4, 3})}, along(1, true)),
      ir::sample("one factor", {ir::uniform({}), ir::uniform({6})}, along(-1, true)),
  };
}

}  // namespace

const OpDef linear_recurrence_op{
    .name = "linear_recurrence",
    .doc = "linear_recurrence(a, b, axis, reverse): h[k] = a[k] * h[k-1] + b[k], beginning with b[0]",
    .type = type_rule,
    .library = "linear_recurrence",
    .library_extents = cumulative_extents,
    .library_integers =
        [](const Node& n) {
          return std::vector<std::int64_t>{static_cast<std::int64_t>(n.type().dtype), params_of(n).reverse};
        },
    .vjp = vjp,
    .jvp = jvp,
    .batch =
        [](const ir::Batch& b) {
          const auto& [axis, reverse] = params_of(b.node);
          return std::vector{
              linear_recurrence(with_batch_axis(b, 0), with_batch_axis(b, 1), static_cast<int>(axis) + 1, reverse)};
        },
    .reference = reference,
    .samples = samples,
    .default_params = [] { return ir::make_params(CumulativeParams{}); },
};

Tensor linear_recurrence(const Operand& a, const Operand& b, int axis, bool reverse, SourceLine line) {
  const Operand operands[] = {a, b};
  const DType dtype = ir::float_dtype(operands), dtypes[] = {dtype, dtype};
  auto in = broadcast_operands(linear_recurrence_op, operands, dtypes, line);
  const std::int64_t along = axis_of("linear_recurrence", in[0], axis, line);
  return apply1(linear_recurrence_op, ir::make_params(CumulativeParams{along, reverse}), std::move(in), line);
}

}  // namespace bitale::ops
