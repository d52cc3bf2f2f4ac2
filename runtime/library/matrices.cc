#include "runtime/library/matrices.h"

#include <map>

#include <fmt/format.h>

namespace bitale::library {

std::string text_of(const MatrixFailure& f) {
  const std::string subject =
      f.count == 1 ? "the matrix" : fmt::format("matrix {} of {}, counted from 0,", f.matrix, f.count);
  switch (f.code) {
    case ErrorCode::not_positive_definite:
      return fmt::format(
          "{} is not positive definite (pivot {} is {:.6g}); add a multiple of the identity, or use solve, which takes "
          "any regular matrix",
          subject, f.pivot, f.value);
    case ErrorCode::singular:
      return fmt::format("{} is singular (pivot {} is {:.6g}); use lstsq or pinv for matrices that may be", subject,
                         f.pivot, f.value);
    case ErrorCode::rank_deficient:
      return fmt::format(
          "{} has columns that depend on each other (pivot {} is {:.6g}); dot(pinv(a), b) gives the solution of least "
          "norm",
          subject, f.pivot, f.value);
    case ErrorCode::no_convergence:
      return fmt::format("the iteration for {} has not converged", subject);
    case ErrorCode::no_memory:
      return fmt::format("there is no memory for the workspace of {}", subject);
    default:
      return fmt::format("{} failed", subject);
  }
}

LibraryFn find_matrices(const std::string& name) {
  static const std::map<std::string, LibraryFn> table{
      {"cholesky", cholesky},
      {"cholesky_solve", cholesky_solve},
      {"eigh", eigh},
      {"eigvalsh", eigvalsh},
      {"expm", expm},
      {"lstsq", lstsq},
      {"lu_det", lu_det},
      {"lu_factors", lu_factors},
      {"lu_inverse", lu_inverse},
      {"lu_slogdet", lu_slogdet},
      {"lu_solve", lu_solve},
      {"pinv", pinv},
      {"qr", qr},
      {"svd", svd},
      {"triangular_solve", triangular_solve},
  };
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace bitale::library
