// Runs a Kernel by walking it: the meaning of kernel IR, in plain C++. Floating-point values are held as double
// whatever their dtype and rounded when stored, cast or bitcast; integers are held as int64 and wrapped to their dtype
// after every instruction.
#pragma once

#include <cstdint>
#include <span>

#include "compiler/kernel/kernel.h"

namespace bitale::kernel {

// buffers: one pointer per argument buffer, to storage-dtype elements. Out-of-range accesses cannot be seen here; tests
// run it on memory from the guarded allocator.
void interpret(const Kernel& kernel, std::span<void* const> buffers, std::span<const std::int64_t> extents);

// The value of one instruction on one lane, operands given as doubles or int64 by their type; shared with constant
// folding. `operand` is the type of the last operand.
struct Lane {
  double real = 0;
  std::int64_t integer = 0;
};
Lane evaluate(ScalarOp op, DType result, DType operand, std::span<const Lane> args);

}  // namespace bitale::kernel
