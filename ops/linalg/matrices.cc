#include "ops/linalg/matrices.h"

#include <algorithm>
#include <numeric>

#include "ops/api/checks.h"

namespace bitale::ops {

using namespace ir;

// ---- type rules ----

void require_matrix(const TypeArgs& args, int i) {
  require_float(args, i);
  args.require(args.type(i).rank() >= 2, "operand " + std::to_string(i) + " must have matrices as its last two axes");
}

void require_square(const TypeArgs& args, int i) {
  require_matrix(args, i);
  args.unify(rows_of(args.input(i)), columns_of(args.input(i)),
             "operand " + std::to_string(i) + " must have square matrices");
}

void require_same_batch(const TypeArgs& args, int i, int inner_i, int j, int inner_j) {
  const Shape a = batch_of(args.input(i), inner_i), b = batch_of(args.input(j), inner_j);
  args.require(a.size() == b.size(), "operands must have the same batch axes");
  for (std::size_t k = 0; k < a.size(); ++k) args.unify(a[k], b[k], "batch axes differ in extent");
}

// ---- shapes ----

Shape batch_of(const Tensor& x, int inner) { return {x.shape().begin(), x.shape().end() - inner}; }

Shape batched_shape(const Tensor& x, Shape inner) {
  Shape out = batch_of(x);
  out.insert(out.end(), inner.begin(), inner.end());
  return out;
}

const Dim& rows_of(const Tensor& x) { return x.dim(x.rank() - 2); }
const Dim& columns_of(const Tensor& x) { return x.dim(x.rank() - 1); }

std::vector<Dim> library_extents(const Tensor& x, std::vector<Dim> inner) {
  inner.insert(inner.begin(), product(batch_of(x)));
  return inner;
}

// ---- graph ----

Tensor as_matrices(const OpDef& op, const Tensor& x, SourceLine line, int rank) {
  require_operand(op.name.c_str(), x, line);
  if (x.rank() < rank)
    TypeArgs(op, nullptr, {&x, 1}, line)
        .fail("the operand must have rank " + std::to_string(rank) + " or more" +
              (rank == 2 ? ": matrices are its last two axes" : ""));
  const ir::Operand operand = x;
  return cast(x, float_dtype({&operand, 1}), line);
}

void require_square_operand(const OpDef& op, const Tensor& x, SourceLine line) {
  require_square(TypeArgs(op, nullptr, {&x, 1}, line), 0);
}

std::pair<Tensor, Tensor> with_common_float(const Tensor& a, const Tensor& b, SourceLine line) {
  const ir::Operand operands[] = {a, b};
  const DType dtype = float_dtype(operands);
  return {cast(a, dtype, line), cast(b, dtype, line)};
}

std::pair<Tensor, Tensor> with_common_batch(const OpDef& op, const Tensor& a, const Tensor& b, SourceLine line) {
  Shape shape = batch_of(a), other = batch_of(b);
  if (shape.size() < other.size()) shape.insert(shape.begin(), other.size() - shape.size(), Dim(1));
  for (std::size_t k = 1; k <= other.size(); ++k) {
    Dim& have = shape[shape.size() - k];
    const Dim& want = other[other.size() - k];
    if (have.is_constant() && want.is_constant() && !have.is(1) && !want.is(1) && !(have == want)) {
      const Tensor operands[] = {a, b};
      TypeArgs(op, nullptr, operands, line)
          .fail("batch axes do not broadcast (" + to_string(have) + " and " + to_string(want) + ")");
    }
    if (have.is(1) || (want.is_constant() && !want.is(1))) have = want;
  }
  const auto widened = [&](const Tensor& x) {
    Shape whole = shape;
    whole.insert(whole.end(), x.shape().end() - 2, x.shape().end());
    return whole == x.shape() ? x : broadcast_to(x, whole, line);
  };
  return {widened(a), widened(b)};
}

Tensor transposed(const Tensor& x) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[axes.size() - 2], axes[axes.size() - 1]);
  return transpose(x, axes);
}

Tensor times(const Tensor& a, const Tensor& b) {
  std::vector<std::int64_t> batch(static_cast<std::size_t>(a.rank() - 2));
  std::iota(batch.begin(), batch.end(), 0);
  return dot_general(a, b, {batch, batch, {a.rank() - 1}, {b.rank() - 2}});
}

namespace {

// Whether row and column numbers of the matrices of x compare so: of x's shape.
enum class Where { below, on, above };
Tensor is_at(Where where, const Tensor& x) {
  const Shape matrix{rows_of(x), columns_of(x)};
  const Tensor row = iota(DType::i64, matrix, 0), column = iota(DType::i64, matrix, 1);
  const Tensor mask = where == Where::below ? less(column, row)
                      : where == Where::on  ? equal(row, column)
                                            : less(row, column);
  return broadcast_to(mask, x.shape());
}

}  // namespace

Tensor identity(DType dtype, const Dim& n) {
  return cast(equal(iota(DType::i64, {n, n}, 0), iota(DType::i64, {n, n}, 1)), dtype);
}
Tensor identity_like(const Tensor& x) { return broadcast_to(identity(x.dtype(), columns_of(x)), x.shape()); }

Tensor lower_part(const Tensor& x, bool diagonal) {
  return diagonal ? where(is_at(Where::above, x), 0, x) : where(is_at(Where::below, x), x, 0);
}
Tensor upper_part(const Tensor& x, bool diagonal) {
  return diagonal ? where(is_at(Where::below, x), 0, x) : where(is_at(Where::above, x), x, 0);
}

// With constant extents the diagonal is every (n+1)-th element; else a sum over columns finds it.
Tensor diagonal_of(const Tensor& x) {
  const Dim &m = rows_of(x), &n = columns_of(x);
  if (!m.is_constant() || !n.is_constant()) {
    const Tensor d = sum(where(is_at(Where::on, x), x, 0), {x.rank() - 1});
    if (m == n) return cast(d, x.dtype());
    const Shape shape = d.shape();
    Shape extents = shape;
    extents.back() = min(m, n);
    return cast(slice(d, Shape(shape.size(), Dim(0)), extents, std::vector<std::int64_t>(shape.size(), 1)), x.dtype());
  }
  Shape flat = batch_of(x), extents = batch_of(x);
  flat.push_back(m * n);
  extents.push_back(min(m, n));
  std::vector<std::int64_t> steps(flat.size(), 1);
  steps.back() = n.value() + 1;
  return slice(reshape(x, flat), Shape(flat.size(), Dim(0)), extents, steps);
}

Tensor diagonal_matrix(const Tensor& d) {
  const Dim& n = d.dim(d.rank() - 1);
  Shape shape = d.shape();
  shape.push_back(n);
  const Tensor all = broadcast_to(expand_dims(d, d.rank()), shape);
  return where(is_at(Where::on, all), all, 0);
}

Tensor symmetric_part(const Tensor& x) { return (x + transposed(x)) * 0.5; }

Tensor scale_rows(const Tensor& x, const Tensor& s) { return x * expand_dims(s, s.rank()); }
Tensor scale_columns(const Tensor& x, const Tensor& s) { return x * expand_dims(s, s.rank() - 1); }

Tensor inverse_gaps(const Tensor& e) {
  const Tensor gaps = expand_dims(e, e.rank() - 1) - expand_dims(e, e.rank());
  const Tensor same = equal(gaps, 0);
  return where(same, 0, 1.0 / where(same, 1, gaps));
}

// ---- samples ----

Tensor positive_definite(const Tensor& x) { return times(x, transposed(x)) + identity_like(x) * 3.0; }
Tensor regular(const Tensor& x) { return x + identity_like(x) * 4.0; }

Tensor full_rank(const Tensor& x) {
  const Shape matrix{rows_of(x), columns_of(x)};
  const Tensor row = iota(DType::i64, matrix, 0);
  return x + cast(where(equal(row, iota(DType::i64, matrix, 1)), (row + 1) * 4, 0), x.dtype());
}

Tensor with_distinct_eigenvalues(const Tensor& x) { return symmetric_part(full_rank(x)); }

}  // namespace bitale::ops
