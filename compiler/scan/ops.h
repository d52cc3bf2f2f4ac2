// The ops with bodies.
#pragma once

#include <span>
#include <vector>

#include "compiler/ir/op.h"

namespace bitale::loops {

extern const ir::OpDef scan_op, cond_op;

// Their rules, each in a file of its own.
std::vector<ir::Tensor> scan_vjp(const ir::Vjp& v);
std::vector<ir::Tensor> scan_jvp(const ir::Jvp& v);
std::vector<ir::Tensor> scan_batch(const ir::Batch& b);

// For register_ops.
std::span<const ir::OpDef* const> scan_ops();

}  // namespace bitale::loops
