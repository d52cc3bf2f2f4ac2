// Contractions that are products of plain matrices, and so may run as calls of a library: OpenBLAS is a candidate
// beside the generated leaves.
//
// The flattened m, n and k are then single dims of A and of B, one of the two strides of each operand is 1, and the
// other is a leading dimension: row-major or column-major. Batches are any.
#pragma once

#include <optional>
#include <span>

#include "runtime/program/contraction.h"

namespace bitale::program {

struct MatrixForm {
  bool trans_a = false, trans_b = false;  // stored as [k][m], as [n][k]
  std::int64_t lda = 0, ldb = 0;          // elements between the rows as they are stored
  // A call computes at most so much of the output; its result and the tables of the epilogue are in the workspace.
  std::int64_t rows = 0, columns = 0;
  std::int64_t ld = 0;  // elements between two rows of the result
  // Byte offsets, each a multiple of 64; the result is at 0.
  std::int64_t row_tables = 0;     // int64, `rows` for every operand
  std::int64_t column_tables = 0;  // int64, `columns` for every operand
  std::int64_t runs = 0;           // int64, columns + 1
  std::int64_t workspace_bytes = 0;
};

// Nothing if these extents and strides are not of plain matrices that OpenBLAS can take, or nothing is to be computed;
// nothing for accumulating and
// sliced steps.
std::optional<MatrixForm> matrix_form(const ContractionStep& step, std::span<const std::int64_t> extents);

// Which candidate the flag BITALE_CONTRACTION asks for, else the step's. Error for a value that is none.
ContractionCandidate candidate_of(const ContractionStep& step);

}  // namespace bitale::program
