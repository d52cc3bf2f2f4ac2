// The ops on matrices that other files of the family name, and how they are put together.
//
// Solutions, inverses and determinants of one matrix share its factors: their nodes take the matrix and what
// factor_lu() or cholesky() makes of it. The library reads the factors, derivatives are those by the matrix, and
// nothing flows through the factors.
#pragma once

#include <functional>

#include "compiler/ir/op.h"
#include "ops/api/linalg.h"

namespace bitale::ops {

extern const ir::OpDef cholesky_op, triangular_solve_op, lu_factors_op, solve_op, solve_positive_definite_op,
    inverse_op, det_op, slogdet_op, lstsq_op, pinv_op, qr_op, eigh_op, eigvalsh_op, svd_op, expm_op;

// Leading integers of library calls: the dtype of operand 0.
inline std::vector<std::int64_t> dtype_integers(const ir::Node& n) {
  return {static_cast<std::int64_t>(n.input(0).dtype())};
}

struct LuFactors {
  Tensor packed, rows;
};
// The type of an op of a square matrix and its LU factors that gives a matrix; what else it gives is the op's.
std::vector<ir::TensorType> factored_type(const ir::TypeArgs& args);
LuFactors factor_lu(const Tensor& a, SourceLine line = {});  // of floats

struct SolveParams {
  bool transposed = false;  // a^T x = b
  bool operator==(const SolveParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("transposed", transposed);
  }
};
// For operands of one dtype and batch; b is matrices.
Tensor solve_factored(const Tensor& a, const Tensor& b, const LuFactors& factors, bool transposed,
                      SourceLine line = {});
Tensor inverse_factored(const Tensor& a, const LuFactors& factors, SourceLine line = {});

// What solve, triangular_solve and lstsq do with right sides: b of rank 1 is one vector; the batch axes broadcast,
// except that a matrix without any takes the right sides of all of b's batch at once. `apply` gets operands of one
// batch shape.
Tensor for_right_sides(const ir::OpDef& op, const Tensor& a, const Tensor& b, SourceLine line,
                       const std::function<Tensor(const Tensor& a, const Tensor& b)>& apply);

}  // namespace bitale::ops
