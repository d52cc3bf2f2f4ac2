// Contractions that are products of plain matrices, and so may run as calls of a library: OpenBLAS is a candidate
// beside the generated leaves, cuBLASLt beside the generated functions of devices (device_product.h).
//
// The flattened m, n and k are then single dims of A and of B, one of the two strides of each operand is 1, and the
// other is a leading dimension: row-major or column-major. Batches are any.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "runtime/program/contraction.h"

namespace bitale::program {

struct PlainMatrices {
  bool trans_a = false, trans_b = false;  // stored as [k][m], as [n][k]
  std::int64_t lda = 0, ldb = 0;          // elements between the rows as they are stored
};

// Nothing if the operands are not plain matrices with these extents and strides, or nothing is to be computed; nothing
// for accumulating and sliced steps, and where an extent or a leading dimension is more than 31 bits hold.
std::optional<PlainMatrices> plain_matrices(const ContractionStep& step, std::span<const std::int64_t> extents);

// The stride of a group of dims as a single one, by the slots of its strides; nothing if there is no such stride.
std::optional<std::int64_t> flat_stride(const std::vector<ContractionDim>& dims, std::span<const std::int64_t> extents,
                                        const std::function<int(const ContractionDim&)>& slot_of);

// The elements between the rows of a matrix with these strides, if each of its rows is contiguous.
std::optional<std::int64_t> leading_dimension(std::int64_t rows, std::int64_t row_stride, std::int64_t columns,
                                              std::int64_t column_stride);

// How OpenBLAS does one.
struct MatrixForm : PlainMatrices {
  // A call computes at most so much of the output; its result and the tables of the epilogue are in the workspace.
  std::int64_t rows = 0, columns = 0;
  std::int64_t ld = 0;  // elements between two rows of the result
  // Byte offsets, each a multiple of 64; the result is at 0.
  std::int64_t row_tables = 0;     // int64, `rows` for every operand
  std::int64_t column_tables = 0;  // int64, `columns` for every operand
  std::int64_t runs = 0;           // int64, columns + 1
  std::int64_t workspace_bytes = 0;
};

// Nothing where plain_matrices() says nothing, and for operands of 16 bits, which OpenBLAS does not take.
std::optional<MatrixForm> matrix_form(const ContractionStep& step, std::span<const std::int64_t> extents);

// Which candidate the flag BITALE_CONTRACTION asks for, else the step's. One that its program's device does not have is
// not asked for. Error for a value that is none.
ContractionCandidate candidate_of(const ContractionStep& step);

}  // namespace bitale::program
