// Integers that int is known to hold: indices, and what is computed from them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "compiler/kernel/scalar_op.h"

namespace bitale::codegen::cuda {

// Whether int holds the number twice over.
inline bool is_small(std::int64_t n) { return n >= -(std::int64_t{1} << 30) && n <= std::int64_t{1} << 30; }

struct Range {
  std::int64_t low = 0, high = 0;  // both of them ints
};

// Of what an instruction on such integers gives: nothing if it may not be small. Of a select, the first operand is of
// no account.
std::optional<Range> range_of(kernel::ScalarOp op, std::span<const Range> operands);

}  // namespace bitale::codegen::cuda
