// Products of tensors: composites over dot_general.
#pragma once

#include "compiler/ir/op.h"
#include "ops/api/linalg.h"

namespace bitale::ops {

extern const ir::OpDef matmul_op, tensordot_op, einsum_op, inner_op, outer_op, vdot_op, kron_op, cross_op, multi_dot_op,
    matrix_power_op;

}  // namespace bitale::ops
