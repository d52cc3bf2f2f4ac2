// What the ops on matrices share. A matrix is the last two axes of a tensor, those before it are a batch, for which
// every op works natively.
//
// Ops take floats (bools and integers as default_float). Square ones say so. Data that a decomposition cannot use fails
// the call with the op, the number of the matrix and the user's line; elements that are not finite give NaN, no error.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/op.h"
#include "ops/api/linalg.h"

namespace bitale::ops {

// ---- for type rules ----

// Operand i is a float tensor of rank 2 or more; and its last two extents are equal.
void require_matrix(const ir::TypeArgs& args, int i);
void require_square(const ir::TypeArgs& args, int i);
// Operands i and j have the same axes before the last `inner_i` and `inner_j`.
void require_same_batch(const ir::TypeArgs& args, int i, int inner_i, int j, int inner_j);

// ---- shapes ----

Shape batch_of(const Tensor& x, int inner = 2);     // all axes but the last ones
Shape batched_shape(const Tensor& x, Shape inner);  // batch_of(x) + inner
const Dim& rows_of(const Tensor& x);
const Dim& columns_of(const Tensor& x);
// For library calls: the extents batch, rows, columns...
std::vector<Dim> library_extents(const Tensor& x, std::vector<Dim> inner);

// ---- graph ----

// x as a float tensor; an Error that speaks of `op` if it is empty or has less than `rank` axes.
Tensor as_matrices(const ir::OpDef& op, const Tensor& x, SourceLine line, int rank = 2);
// An Error that speaks of `op` if the matrices of x are known not to be square.
void require_square_operand(const ir::OpDef& op, const Tensor& x, SourceLine line);
// Operands cast to their common float dtype.
std::pair<Tensor, Tensor> with_common_float(const Tensor& a, const Tensor& b, SourceLine line);
// The operands with the batch axes that both broadcast to.
std::pair<Tensor, Tensor> with_common_batch(const ir::OpDef& op, const Tensor& a, const Tensor& b, SourceLine line);

Tensor transposed(const Tensor& x);                 // the last two axes swapped
Tensor times(const Tensor& a, const Tensor& b);     // matrix product of operands of one batch shape
Tensor identity(DType dtype, const Dim& n);         // [n, n]
Tensor identity_like(const Tensor& x);              // of x's shape: square matrices
Tensor lower_part(const Tensor& x, bool diagonal);  // 0 above the diagonal (and on it)
Tensor upper_part(const Tensor& x, bool diagonal);
Tensor diagonal_of(const Tensor& x);                     // [..., m, n] -> [..., min(m, n)]
Tensor diagonal_matrix(const Tensor& d);                 // [..., n] -> [..., n, n], 0 elsewhere
Tensor symmetric_part(const Tensor& x);                  // (x + x^T) / 2
Tensor scale_rows(const Tensor& x, const Tensor& s);     // diag(s) x
Tensor scale_columns(const Tensor& x, const Tensor& s);  // x diag(s)
// 1 / (e[j] - e[i]) at (i, j), and 0 where both are equal.
Tensor inverse_gaps(const Tensor& e);

// ---- for samples ----

// Well-conditioned matrices from any [..., n, n] with elements in [-1, 1]: x x^T + 3 I; x + 4 I.
Tensor positive_definite(const Tensor& x);
Tensor regular(const Tensor& x);
// [..., m, n] plus 4, 8, 12... on its diagonal: of full rank, with singular values that differ.
Tensor full_rank(const Tensor& x);
// Symmetric, with eigenvalues that differ.
Tensor with_distinct_eigenvalues(const Tensor& x);

}  // namespace bitale::ops
