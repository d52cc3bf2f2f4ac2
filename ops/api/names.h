// The names that declarations of ops use.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/prim/prim.h"

namespace bitale::ops {

using ir::Dim;
using ir::Operand;
using ir::Shape;
using ir::Tensor;

using Axes = std::vector<std::int64_t>;

}  // namespace bitale::ops
