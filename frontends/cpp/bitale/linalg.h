// Linear algebra. A matrix is the last two axes of a tensor; those before it are a batch, and the batches of operands
// broadcast. Data that a decomposition cannot use (a singular matrix for solve) fails the call, naming the op, the
// matrix and your line; elements that are not finite give NaN, no error. docs/ops.md says more about each.
#pragma once

#include <string>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

// ---- products: as NumPy's of the same names ----
Tensor dot(const Tensor& a, const Tensor& b, Where at = Where::current());
Tensor batched_dot(const Tensor& a, const Tensor& b, Where at = Where::current());  // [b, m, k] x [b, k, n]
Tensor matmul(const Tensor& a, const Tensor& b, Where at = Where::current());
Tensor tensordot(const Tensor& a, const Tensor& b, int axes = 2, Where at = Where::current());
Tensor tensordot(const Tensor& a, const Tensor& b, const Axes& axes_a, const Axes& axes_b, Where at = Where::current());
// einsum("bij,bjk->bik", {a, b}): operands are contracted in pairs, the cheapest first.
Tensor einsum(const std::string& subscripts, const std::vector<Tensor>& operands, Where at = Where::current());
Tensor inner(const Tensor& a, const Tensor& b, Where at = Where::current());
Tensor outer(const Tensor& a, const Tensor& b, Where at = Where::current());
Tensor vdot(const Tensor& a, const Tensor& b, Where at = Where::current());
Tensor kron(const Tensor& a, const Tensor& b, Where at = Where::current());
Tensor cross(const Tensor& a, const Tensor& b, Where at = Where::current());  // along last axes of extent 3
Tensor multi_dot(const std::vector<Tensor>& matrices, Where at = Where::current());
Tensor matrix_power(const Tensor& a, std::int64_t n, Where at = Where::current());

// ---- norms of matrices ----
// numpy.linalg.norm of the last two axes: one and infinity are the largest sum of sizes down a column and along a row,
// two the largest singular value, nuclear the sum of these; minus_... the smallest.
enum class MatrixNorm : std::uint8_t { frobenius, nuclear, one, minus_one, two, minus_two, infinity, minus_infinity };
Tensor matrix_norm(const Tensor& a, MatrixNorm order = MatrixNorm::frobenius, bool keepdims = false,
                   Where at = Where::current());

// ---- systems ----
// Right sides b: a vector (rank 1), or matrices. All take floats.
struct SolveOptions {
  bool positive_definite = false;  // a is symmetric positive definite: Cholesky instead of LU
};
Tensor solve(const Tensor& a, const Tensor& b, const SolveOptions& options = {}, Where at = Where::current());
struct TriangularSolveOptions {
  bool lower = true;           // the triangle of a that is read
  bool transposed = false;     // its transpose is the matrix
  bool unit_diagonal = false;  // ones instead of its diagonal
};
Tensor triangular_solve(const Tensor& a, const Tensor& b, const TriangularSolveOptions& options = {},
                        Where at = Where::current());
Tensor lstsq(const Tensor& a, const Tensor& b, Where at = Where::current());  // for independent columns
Tensor inverse(const Tensor& a, Where at = Where::current());
// Singular values up to cutoff times the largest count as 0; a negative cutoff: max(m, n) times the dtype's epsilon.
Tensor pinv(const Tensor& a, double cutoff = -1, Where at = Where::current());

// ---- determinants ----
Tensor det(const Tensor& a, Where at = Where::current());
struct Slogdet {
  Tensor sign, log;  // of the determinant: its sign, and the log of its size
};
Slogdet slogdet(const Tensor& a, Where at = Where::current());

// ---- decompositions ----
// Of symmetric matrices the lower triangle is read; gradients are symmetric.
Tensor cholesky(const Tensor& a, Where at = Where::current());  // lower triangular
struct Lu {
  Tensor rows, lower, upper;  // row i of lower * upper is row rows[i] of a
};
Lu lu(const Tensor& a, Where at = Where::current());
struct Qr {
  Tensor q, r;  // thin; r's diagonal is not negative
};
Qr qr(const Tensor& a, Where at = Where::current());
struct Eigh {
  Tensor values, vectors;  // ascending; vectors are columns
};
Eigh eigh(const Tensor& a, Where at = Where::current());
Tensor eigvalsh(const Tensor& a, Where at = Where::current());  // the values alone
struct Svd {
  Tensor u, s, vt;  // s descending
};
struct SvdOptions {
  bool full = false;  // square u and vt, without derivatives
};
Svd svd(const Tensor& a, const SvdOptions& options = {}, Where at = Where::current());
Tensor expm(const Tensor& a, Where at = Where::current());

}  // namespace bitale
