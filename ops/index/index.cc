#include "ops/index/index.h"

#include "ops/api/checks.h"
#include "ops/api/elementwise.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

Expr row_of(Element& e, Expr index, const Dim& n, bool clamp) {
  const Expr i = cast(index, DType::i64), size = e.extent(n), zero = e.integer(0);
  const Expr row = select(call(ScalarOp::lt, {i, zero}), i + size, i);
  if (!clamp) return row;
  return call(ScalarOp::max, {zero, call(ScalarOp::min, {row, e.extent(n - 1)})});
}

std::int64_t reference_row(const Node& node, const Array& indices, std::int64_t position, std::int64_t n,
                           bool from_end) {
  const std::int64_t i = static_cast<std::int64_t>(indices.at(position));
  if (i >= (from_end ? -n : 0) && i < n) return i < 0 ? i + n : i;
  std::string lines;
  for (const SourceLine& line : node.origins()) lines += (lines.empty() ? ", computed at " : ", ") + to_string(line);
  throw Error((node.op().label ? node.op().label(node) : node.op().name) + ": index " + std::to_string(i) +
              " is out of range for an extent of " + std::to_string(n) + lines);
}

Tensor apply_checked(const OpDef& op, Params params, std::vector<Tensor> inputs, const Dim& n, SourceLine line) {
  apply1(op, params, inputs, line);  // its type rule judges what the user gave
  inputs[1] = checked_rows(inputs[1], n, op.name, line);
  return apply1(op, std::move(params), std::move(inputs), line);
}

Tensor joint_rows(std::span<const Tensor> rows, std::span<const Dim> extents, SourceLine line) {
  Tensor all;
  for (std::size_t k = 0; k < rows.size(); ++k)
    all = k == 0 ? rows[k] : ir::add(ir::mul(all, extent(extents[k], line), line), rows[k], line);
  return all;
}

AroundAxis around_axis(const Tensor& x, int axis) {
  const auto middle = x.shape().begin() + axis;
  return {product(Shape(x.shape().begin(), middle)), *middle, product(Shape(middle + 1, x.shape().end()))};
}

Tensor places_along(const AroundAxis& x, const Tensor& rows, SourceLine line) {
  std::vector<Tensor> all{rows};
  std::vector<Dim> extents{x.n};
  if (!x.outer.is(1)) {
    all.insert(all.begin(), iota(DType::i64, rows.shape(), 0, line));
    extents.insert(extents.begin(), x.outer);
  }
  if (!x.inner.is(1)) {
    all.push_back(iota(DType::i64, rows.shape(), 2, line));
    extents.push_back(x.inner);
  }
  return joint_rows(all, extents, line);
}

void fail_at(const std::string& op, const std::string& what, SourceLine line) {
  throw Error(op + ": " + what + (line ? ", at " + to_string(line) : ""));
}

void require_integers(const char* op, const Tensor& x, SourceLine line) {
  require_operand(op, x, line);
  if (!is_integer(x.dtype())) fail_at(op, "indices must be integers, got " + describe(x), line);
}

void require_rows(const TypeArgs& args, const Dim& n, const Dim& count) {
  require_at_least(args, n, min(count, 1), "an axis of extent 0 has nothing to index");
}

Tensor rows_of_all(const Tensor& indices, const Dim& n, const std::string& user) {
  return checked_rows(indices, n, user) + iota(DType::i64, indices.shape(), 0) * extent(n);
}

Tensor move_axis(const Tensor& t, std::size_t from, std::size_t to) {
  std::vector<std::int64_t> axes;
  for (std::size_t a = 0; a < t.shape().size(); ++a)
    if (a != from) axes.push_back(static_cast<std::int64_t>(a));
  axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(to), static_cast<std::int64_t>(from));
  return transpose(t, axes);
}

void unify_rows(const TypeArgs& args, const Shape& x, const Shape& indices, const std::string& what) {
  for (std::size_t a = 0; a < indices.size(); ++a) args.unify(x[a], indices[a], what);
}

SampleInput index_input(Extents shape, DType dtype) {
  return {.shape = std::move(shape), .low = 0, .high = 99, .dtype = dtype, .differentiable = false};
}

Tensor sample_indices(const Tensor& integers, const Dim& n) {
  const Tensor i = mod(ir::cast(integers, DType::i64), extent(n * 2)) - extent(n);
  return integers.dtype() == DType::u8 ? ir::cast(where(less(i, 0), i + extent(n), i), DType::u8)
                                       : ir::cast(i, integers.dtype());
}

}  // namespace bitale::ops
