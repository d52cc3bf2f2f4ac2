// Diagonals: taken out of two axes, put into a matrix, added up.
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/reduce.h"
#include "ops/api/shape.h"
#include "ops/shape/triangle.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef diagonal_op, diag_op, trace_op;

struct DiagonalParams {
  std::int64_t offset = 0, a = 0, b = 1;
  bool operator==(const DiagonalParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("offset", offset);
    v("a", a);
    v("b", b);
  }
};

namespace {

std::int64_t down(std::int64_t offset) { return offset < 0 ? -offset : 0; }
std::int64_t right(std::int64_t offset) { return offset > 0 ? offset : 0; }

const DiagonalParams& params_of(const ir::Node& n) { return n.params_as<DiagonalParams>(); }

// The axes of a tensor of this rank but for a and b, in order.
Axes others(const DiagonalParams& p, int rank) {
  Axes axes;
  for (int k = 0; k < rank; ++k)
    if (k != p.a && k != p.b) axes.push_back(k);
  return axes;
}

std::vector<ir::TensorType> type_rule(const ir::TypeArgs& args) {
  args.require_count(1);
  const auto& p = args.params_as<DiagonalParams>();
  const ir::TensorType& x = args.type(0);
  for (std::int64_t axis : {p.a, p.b})
    args.require(axis >= 0 && axis < x.rank(), "there is no axis " + std::to_string(axis));
  args.require(p.a != p.b, "the axes must differ");
  Shape shape;
  for (std::int64_t k : others(p, x.rank())) shape.push_back(x.shape[static_cast<std::size_t>(k)]);
  const Dim rows = x.shape[static_cast<std::size_t>(p.a)] - down(p.offset);
  const Dim columns = x.shape[static_cast<std::size_t>(p.b)] - right(p.offset);
  shape.push_back(max(min(rows, columns), Dim(0)));
  return {{x.dtype, std::move(shape)}};
}

ir::Expr element(ir::Element& e) {
  const auto& p = e.params_as<DiagonalParams>();
  std::vector<ir::Index> at(e.node().input(0).shape().size());
  int next = 0;
  for (std::int64_t k : others(p, static_cast<int>(at.size()))) at[static_cast<std::size_t>(k)] = e.index(next++);
  at[static_cast<std::size_t>(p.a)] = e.index(next) + ir::Index(Dim(down(p.offset)));
  at[static_cast<std::size_t>(p.b)] = e.index(next) + ir::Index(Dim(right(p.offset)));
  return e.input(0, std::move(at));
}

// d [..., n] on the diagonal of zeros [..., rows, columns].
Tensor on_diagonal(const Tensor& d, const Dim& rows, const Dim& columns, std::int64_t offset, SourceLine line) {
  const std::size_t last = d.shape().size() - 1;
  Shape starts(d.shape().size(), Dim(0)), shape = d.shape();
  starts[last] = down(offset);
  shape[last] = rows;
  const Tensor by_row = ir::pad(d, starts, shape, Axes(shape.size(), 1), line);
  shape.push_back(columns);
  const Tensor wide = ir::broadcast_to(ir::expand_dims(by_row, -1, line), shape, line);
  return ir::where(ir::broadcast_to(diagonal_mask(rows, columns, offset, line), shape, line), wide, zeros_like(wide),
                   line);
}

// The cotangent of the operand: dy on the diagonal, with the axes where they were.
Tensor transposed(const ir::Node& node, const Tensor& dy) {
  const auto& p = params_of(node);
  const Tensor& x = node.input(0);
  const Tensor placed =
      on_diagonal(dy, x.dim(static_cast<int>(p.a)), x.dim(static_cast<int>(p.b)), p.offset, SourceLine());
  Axes order = others(p, x.rank());
  order.push_back(p.a);
  order.push_back(p.b);
  Axes inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    inverse[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  return ir::transpose(placed, inverse);
}

void reference(const ir::Reference& r) {
  const auto& p = params_of(r.node);
  const Extents &from = r.inputs[0].shape(), &to = r.outputs[0].shape();
  std::vector<std::int64_t> stride(from.size(), 1);
  for (std::size_t k = from.size(); k-- > 1;) stride[k - 1] = stride[k] * from[k];
  const std::size_t a = static_cast<std::size_t>(p.a), b = static_cast<std::size_t>(p.b);
  dispatch(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for (std::int64_t i = 0; i < r.outputs[0].size(); ++i) {
      std::int64_t rest = i / to.back(), at = 0;
      const std::int64_t place = i % to.back();
      for (std::size_t k = from.size(); k-- > 0;) {
        if (k == a || k == b) continue;
        at += rest % from[k] * stride[k];
        rest /= from[k];
      }
      at += (p.offset < 0 ? place - p.offset : place) * stride[a];
      at += (p.offset > 0 ? place + p.offset : place) * stride[b];
      r.outputs[0].view<T>()[static_cast<std::size_t>(i)] = r.inputs[0].view<T>()[static_cast<std::size_t>(at)];
    }
  });
}

}  // namespace

const OpDef diagonal_op{
    .name = "diagonal",
    .doc = "diagonal(x, offset, a, b): the elements at (i, i + offset) of two axes, as the last axis",
    .type = type_rule,
    .element = element,
    .vjp = [](const ir::Vjp& v) { return std::vector<Tensor>{v.dy() ? transposed(v.node, v.dy()) : Tensor()}; },
    .jvp = ir::linear_jvp,
    .batch =
        [](const ir::Batch& b) {
          auto p = params_of(b.node);
          ++p.a;
          ++p.b;
          return apply(b.node.op(), ir::make_params(p), {b.inputs.begin(), b.inputs.end()});
        },
    .reference = reference,
    .samples =
        [] {
          const auto of = [](std::int64_t offset, int a, int b) {
            return [=](std::span<const Tensor> x) { return diagonal(x[0], offset, a, b); };
          };
          return std::vector<ir::Sample>{ir::sample("square", {ir::uniform({3, 3})}, of(0, 0, 1)),
                                         ir::sample("right", {ir::uniform({3, 5})}, of(1, 0, 1)),
                                         ir::sample("down", {ir::uniform({4, 3})}, of(-2, 0, 1)),
                                         ir::sample("beyond", {ir::uniform({2, 3})}, of(7, 0, 1)),
                                         ir::sample("outer axes, transposed", {ir::uniform({4, 2, 3})}, of(1, -1, 0)),
                                         ir::sample("inner axes", {ir::uniform({2, 3, 4})}, of(-1, 1, 2))};
        },
    .default_params = [] { return ir::make_params(DiagonalParams{}); },
};

const OpDef diag_op{
    .name = "diag",
    .doc = "diag(x, offset): a matrix with the vector x on a diagonal; a diagonal of the matrix x",
    .composite = true,
    .samples =
        [] {
          const auto of = [](std::int64_t offset) {
            return [=](std::span<const Tensor> x) { return diag(x[0], offset); };
          };
          return std::vector<ir::Sample>{
              ir::sample("of vector", {ir::uniform({3})}, of(0)), ir::sample("right", {ir::uniform({3})}, of(2)),
              ir::sample("down", {ir::uniform({3})}, of(-1)), ir::sample("of matrix", {ir::uniform({3, 4})}, of(1))};
        },
};

const OpDef trace_op{
    .name = "trace",
    .doc = "trace(x, offset, a, b): the sum of a diagonal",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("matrix", {ir::uniform({3, 4})}, [](auto x) { return trace(x[0]); }),
              ir::sample("right, of three axes", {ir::uniform({3, 2, 4})},
                         [](auto x) { return trace(x[0], 1, 0, -1); }),
              ir::sample("integers", {ir::integers({3, 3}, -100, 100, DType::i8)}, [](auto x) { return trace(x[0]); })};
        },
};

Tensor diagonal(const Tensor& x, std::int64_t offset, int a, int b, SourceLine line) {
  const std::int64_t first = axis_of("diagonal", x, a, line), second = axis_of("diagonal", x, b, line);
  return apply1(diagonal_op, ir::make_params(DiagonalParams{offset, first, second}), {x}, line);
}

Tensor diag(const Tensor& x, std::int64_t offset, SourceLine line) {
  ir::require_operand("diag", x, line);
  if (x.rank() == 2) return diagonal(x, offset, 0, 1, line);
  if (x.rank() != 1) reject("diag", "the operand must be a vector or a matrix", x, line);
  const Dim n = x.dim(0) + Dim(down(offset) + right(offset));
  return on_diagonal(x, n, n, offset, line);
}

Tensor trace(const Tensor& x, std::int64_t offset, int a, int b, SourceLine line) {
  const Tensor d = diagonal(x, offset, a, b, line);
  return ir::sum(d, {d.rank() - 1}, line);
}

}  // namespace bitale::ops
