// C++ numbers as tensors.
#pragma once

#include "ops/api/shape.h"

namespace bitale::ops {

// A scalar; a value that does not fit into the dtype is an Error of `op`.
Tensor number(const char* op, double value, DType dtype, SourceLine line);

}  // namespace bitale::ops
