// Naive linear algebra in long double, for the references of ops/linalg: textbook loops, and where there is a choice
// another method than the library's.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "compiler/ir/op.h"
#include "runtime/library/matrices.h"

namespace bitale::ops {

struct Dense {
  std::int64_t rows = 0, columns = 0;
  std::vector<long double> values;

  Dense(std::int64_t m, std::int64_t n) : rows(m), columns(n), values(static_cast<std::size_t>(m * n)) {}
  long double& operator()(std::int64_t i, std::int64_t j) { return values[static_cast<std::size_t>(i * columns + j)]; }
  long double operator()(std::int64_t i, std::int64_t j) const {
    return values[static_cast<std::size_t>(i * columns + j)];
  }
  static Dense identity(std::int64_t n);
  static Dense nan(std::int64_t m, std::int64_t n);
  bool finite(bool below = false) const;  // all elements; those below the diagonal and on it
};
Dense product(const Dense& a, const Dense& b);
Dense transpose(const Dense& a);

// Calls f(inputs, number) for every matrix of a batch: operands as matrices (of the last two axes of operand i, or the
// last one if vectors[i]); f returns the outputs, as matrices with as many elements. A MatrixFailure that f throws
// becomes the Error that a call would give.
using MatrixFn = std::function<std::vector<Dense>(const std::vector<Dense>&)>;
void for_each_matrix(const ir::Reference& r, const MatrixFn& f);

[[noreturn]] void fail_matrix(ErrorCode code, std::int64_t pivot, long double value);

// All throw a MatrixFailure where the library reports one.
Dense reference_cholesky(const Dense& a);
Dense reference_solve(Dense a, Dense b);  // Gauss-Jordan elimination with partial pivoting
long double reference_det(Dense a);
struct ReferenceEigen {
  std::vector<long double> values;
  Dense vectors;
};
ReferenceEigen reference_eigh(const Dense& a);  // Jacobi rotations
struct ReferenceSvd {
  Dense u;
  std::vector<long double> s;
  Dense v;
};
ReferenceSvd reference_svd(const Dense& a);            // one-sided Jacobi rotations; thin
std::pair<Dense, Dense> reference_qr(const Dense& a);  // Gram-Schmidt, twice
Dense complete_basis(const Dense& u);                  // orthonormal columns, and others up to a square matrix

}  // namespace bitale::ops
