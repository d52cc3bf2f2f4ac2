// Scalar instructions as CUDA C++ expressions: one table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

// An expression; a closed one can be an operand without parentheses.
struct Text {
  std::string text;
  bool closed = true;
};

std::string_view type_name(DType type);
Text constant_text(const kernel::Value& constant);
// e0, e1... are the extents of a call.
Text extent_text(const kernel::Extent& extent);
// A float or integer as a constant of the type.
Text number_text(double value, DType type);
Text number_text(std::int64_t value, DType type);
// `operand`: the type of the last operand.
Text instruction_text(kernel::ScalarOp op, DType result, DType operand, std::span<const Text> args);
// The functions that the table calls.
std::vector<std::string_view> function_names();

}  // namespace bitale::codegen::cuda
