// Linear algebra. A matrix is the last two axes of a tensor; those before it are a batch, and operands' batches
// broadcast as NumPy's do. Products take numbers of any dtype (bools and integers as int64), decompositions floats
// (bools and integers as default_float).
#pragma once

#include <string>
#include <vector>

#include "ops/api/names.h"

namespace bitale::ops {

// ---- products (dot, dot_general: prim.h) ----
Tensor matmul(const Tensor& a, const Tensor& b, SourceLine line = {});  // numpy.matmul
// Over the last `axes` axes of a and the first of b; or over a's axes axes_a with b's axes_b, pair by pair.
Tensor tensordot(const Tensor& a, const Tensor& b, int axes = 2, SourceLine line = {});
Tensor tensordot(const Tensor& a, const Tensor& b, std::vector<std::int64_t> axes_a, std::vector<std::int64_t> axes_b,
                 SourceLine line = {});
// numpy.einsum: letters, "...", with or without "->". Operands are contracted in pairs, the cheapest first.
Tensor einsum(const std::string& subscripts, const std::vector<Tensor>& operands, SourceLine line = {});
Tensor inner(const Tensor& a, const Tensor& b, SourceLine line = {});  // over the last axes
Tensor outer(const Tensor& a, const Tensor& b, SourceLine line = {});  // of the elements, row by row
Tensor vdot(const Tensor& a, const Tensor& b, SourceLine line = {});   // of all elements
Tensor kron(const Tensor& a, const Tensor& b, SourceLine line = {});
Tensor cross(const Tensor& a, const Tensor& b, SourceLine line = {});  // along last axes of extent 3
Tensor multi_dot(const std::vector<Tensor>& matrices, SourceLine line = {});
Tensor matrix_power(const Tensor& a, std::int64_t n, SourceLine line = {});

enum class MatrixNorm : std::uint8_t { frobenius, nuclear, one, minus_one, two, minus_two, infinity, minus_infinity };
Tensor matrix_norm(const Tensor& a, MatrixNorm order, bool keepdims = false, SourceLine line = {});

// ---- systems ----
struct TriangularOptions {
  bool lower = true, transposed = false, unit_diagonal = false;
};
// b may be a vector (rank 1) or matrices of right sides.
Tensor triangular_solve(const Tensor& a, const Tensor& b, const TriangularOptions& options = {}, SourceLine line = {});
Tensor solve(const Tensor& a, const Tensor& b, bool positive_definite = false, SourceLine line = {});
Tensor lstsq(const Tensor& a, const Tensor& b, SourceLine line = {});
Tensor inverse(const Tensor& a, SourceLine line = {});
Tensor pinv(const Tensor& a, double cutoff = -1, SourceLine line = {});  // -1: max(m, n) * epsilon

// ---- determinants ----
Tensor det(const Tensor& a, SourceLine line = {});
struct Slogdet {
  Tensor sign, log;
};
Slogdet slogdet(const Tensor& a, SourceLine line = {});

// ---- decompositions ----
Tensor cholesky(const Tensor& a, SourceLine line = {});
struct Lu {
  Tensor rows, lower, upper;  // row i of lower * upper is row rows[i] of the matrix
};
Lu lu(const Tensor& a, SourceLine line = {});
struct Qr {
  Tensor q, r;
};
Qr qr(const Tensor& a, SourceLine line = {});
struct Eigh {
  Tensor values, vectors;
};
Eigh eigh(const Tensor& a, SourceLine line = {});
Tensor eigvalsh(const Tensor& a, SourceLine line = {});
struct Svd {
  Tensor u, s, vt;
};
Svd svd(const Tensor& a, bool full = false, SourceLine line = {});
Tensor expm(const Tensor& a, SourceLine line = {});

}  // namespace bitale::ops
