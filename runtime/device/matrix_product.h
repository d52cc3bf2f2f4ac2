// A product of plain matrices, as the library of a device does it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "runtime/base/dtype.h"

namespace bitale {

// c = a * b, `batch` times: rows follow each other in memory, and the elements of a row, too. All that a library
// chooses its algorithm by: equal descriptions are the same work.
struct MatrixProduct {
  DType dtype = DType::f32;  // or f64, f16, bf16; sums are in what is computed with for it, and so is the result
  bool tf32 = false;         // f32: the operands may be rounded to TF32 (10 bits of mantissa)
  bool rounds = false;       // f16, bf16: the result is rounded to the dtype
  // Before that: a vector of n elements, of the result's dtype, is added to every row; what is below 0 becomes 0, and
  // maybe NaN.
  bool bias = false, relu = false;
  std::int64_t m = 0, n = 0, k = 0, batch = 1;
  bool trans_a = false, trans_b = false;               // stored as [k][m], as [n][k]
  std::int64_t lda = 0, ldb = 0, ldc = 0;              // elements between two rows as they are stored
  std::int64_t batch_a = 0, batch_b = 0, batch_c = 0;  // elements between two products of the batch
  // Of every address that it is called with: a multiple of so many bytes.
  int align_a = 1, align_b = 1, align_c = 1, align_bias = 1;

  DType result() const { return rounds ? dtype : computed_as(dtype); }
  auto operator<=>(const MatrixProduct&) const = default;
};

// "float32 [64 x 800] by [800 x 500]^T, 3 times", for messages.
std::string to_string(const MatrixProduct& product);

}  // namespace bitale
