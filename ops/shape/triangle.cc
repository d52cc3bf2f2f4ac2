// Triangles, and matrices with ones on a diagonal.
#include "ops/shape/triangle.h"

#include "compiler/prim/samples.h"
#include "ops/api/axes.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef tri_op, tril_op, triu_op, eye_op;

namespace {

// How far an element is to the right of the main diagonal.
Tensor distance(const Dim& rows, const Dim& columns, SourceLine line) {
  return ir::sub(ir::iota(DType::i64, {rows, columns}, 1, line), ir::iota(DType::i64, {rows, columns}, 0, line), line);
}

Tensor below(const char* op, const Tensor& x, std::int64_t offset, SourceLine line) {
  ir::require_operand(op, x, line);
  if (x.rank() < 2) reject(op, "the operand must have two axes or more", x, line);
  const Tensor mask = lower_mask(x.dim(x.rank() - 2), x.dim(x.rank() - 1), offset, line);
  return ir::broadcast_to(mask, x.shape(), line);
}

template <class F>
ir::Samples triangle_samples(F f) {
  return [f] {
    return std::vector<ir::Sample>{
        ir::sample("square", {ir::uniform({4, 4})}, [f](auto x) { return f(x[0], 0); }),
        ir::sample("wide, right", {ir::uniform({3, 5})}, [f](auto x) { return f(x[0], 1); }),
        ir::sample("stack, down", {ir::uniform({2, 4, 3})}, [f](auto x) { return f(x[0], -2); })};
  };
}

}  // namespace

const OpDef tri_op{
    .name = "tri",
    .doc = "tri(rows, columns, offset, dtype): ones on a diagonal and below it, zeros above",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{ir::sample("wide", {}, [](auto) { return tri(3, 5, 1, DType::f32); }),
                                         ir::sample("by extents", {ir::uniform({3, 4})}, [](auto x) {
                                           return x[0] * tri(x[0].dim(0), x[0].dim(1), -1, x[0].dtype());
                                         })};
        },
};

const OpDef tril_op{
    .name = "tril",
    .doc = "tril(x, offset): x on a diagonal and below it, zeros above; of the last two axes",
    .composite = true,
    .samples = triangle_samples([](const Tensor& x, std::int64_t offset) { return tril(x, offset); }),
};

const OpDef triu_op{
    .name = "triu",
    .doc = "triu(x, offset): x on a diagonal and above it, zeros below; of the last two axes",
    .composite = true,
    .samples = triangle_samples([](const Tensor& x, std::int64_t offset) { return triu(x, offset); }),
};

const OpDef eye_op{
    .name = "eye",
    .doc = "eye(rows, columns, offset, dtype), identity(n, dtype): ones on a diagonal, zeros elsewhere",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{ir::sample("square", {}, [](auto) { return eye(3, 3, 0, DType::f64); }),
                                         ir::sample("right", {}, [](auto) { return eye(3, 5, 2, DType::i32); }),
                                         ir::sample("down, by extents", {ir::uniform({4, 3})}, [](auto x) {
                                           return x[0] + eye(x[0].dim(0), x[0].dim(1), -1, x[0].dtype());
                                         })};
        },
};

Tensor diagonal_mask(const Dim& rows, const Dim& columns, std::int64_t offset, SourceLine line) {
  return ir::equal(distance(rows, columns, line), offset, line);
}

Tensor lower_mask(const Dim& rows, const Dim& columns, std::int64_t offset, SourceLine line) {
  return ir::less_equal(distance(rows, columns, line), offset, line);
}

Tensor tri(const Dim& rows, const Dim& columns, std::int64_t offset, DType dtype, SourceLine line) {
  return ir::cast(lower_mask(rows, columns, offset, line), dtype, line);
}

Tensor eye(const Dim& rows, const Dim& columns, std::int64_t offset, DType dtype, SourceLine line) {
  return ir::cast(diagonal_mask(rows, columns, offset, line), dtype, line);
}

Tensor tril(const Tensor& x, std::int64_t offset, SourceLine line) {
  const Tensor mask = below("tril", x, offset, line);
  return ir::where(mask, x, zeros_like(x), line);
}

Tensor triu(const Tensor& x, std::int64_t offset, SourceLine line) {
  const Tensor mask = below("triu", x, offset - 1, line);
  return ir::where(mask, zeros_like(x), x, line);
}

}  // namespace bitale::ops
