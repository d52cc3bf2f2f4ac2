// Decompositions of batches of matrices, on Eigen: one small file per group. Matrices are row-major and dense; a batch
// is `batch` matrices one after the other. Buffers are inputs, then outputs; extents begin with the batch; integer 0 is
// the DType, float32 or float64.
//
//   name              buffers                         extents        integers
//   cholesky          a, l                            batch, n
//   triangular_solve  a, b, x                         batch, n, k    lower, transposed, unit diagonal
//   lu_factors        a, packed, rows                 batch, n
//   lu_solve          a, b, packed, rows, x           batch, n, k    transposed
//   lu_inverse        a, packed, rows, x              batch, n
//   lu_det            a, packed, rows, det            batch, n
//   lu_slogdet        a, packed, rows, sign, log      batch, n
//   cholesky_solve    a, b, l, x                      batch, n, k
//   eigh              a, w, v                         batch, n
//   eigvalsh          a, w                            batch, n
//   svd               a, u, s, vt                     batch, m, n    full
//   pinv              a, x                            batch, m, n    cutoff, the bits of a double
//   qr                a, q, r                         batch, m, n (m >= n)
//   lstsq             a, b, x                         batch, m, n, k (m >= n)
//   expm              a, x                            batch, n
//
// What each computes is said by the op of its name (ops/linalg). A matrix with an element that is not finite among
// those that are read gives NaN everywhere (rows: 0, 1, 2...); it is no error. Data errors are the codes of abi.h that
// speak of a matrix; they stop the batch.
#pragma once

#include <string>

#include "runtime/library/library.h"

namespace bitale::library {

// What went wrong with one matrix of a batch.
struct MatrixFailure {
  ErrorCode code = ErrorCode::none;
  std::int64_t matrix = 0, count = 1;  // counted from 0
  std::int64_t pivot = 0;
  double value = 0;  // the pivot's
};
std::string text_of(const MatrixFailure& failure);  // "matrix 3 of 5, counted from 0, is ..."

int cholesky(Context* context, const Arguments& a);
int cholesky_solve(Context* context, const Arguments& a);
int triangular_solve(Context* context, const Arguments& a);
int lu_factors(Context* context, const Arguments& a);
int lu_solve(Context* context, const Arguments& a);
int lu_inverse(Context* context, const Arguments& a);
int lu_det(Context* context, const Arguments& a);
int lu_slogdet(Context* context, const Arguments& a);
int eigh(Context* context, const Arguments& a);
int eigvalsh(Context* context, const Arguments& a);
int svd(Context* context, const Arguments& a);
int pinv(Context* context, const Arguments& a);
int qr(Context* context, const Arguments& a);
int lstsq(Context* context, const Arguments& a);
int expm(Context* context, const Arguments& a);

LibraryFn find_matrices(const std::string& name);  // null for a name that is not its

}  // namespace bitale::library
