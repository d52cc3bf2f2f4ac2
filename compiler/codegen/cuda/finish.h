// What follows where a library multiplied (runtime/program/device_product.h): the product lies in memory, one dense
// matrix behind the other, and a kernel hands each of its elements to the epilogue of the contraction.
#pragma once

#include <optional>
#include <string>

#include "compiler/codegen/cuda/contraction.h"

namespace bitale::codegen::cuda {

inline constexpr int finish_threads = 256;  // each an element

// Parameters: the product, the operands, then the extents, as the contraction's own function has them. There are less
// than 2^31 elements: indices have 32 bits, which are divided in a fraction of the time that 64 take.
std::string print_finish(const Contraction& contraction);

// What a library could do as well as the epilogue: it adds operand 0 to the elements (bias), takes the larger of that
// and 0 (relu), or neither, and stores what there is to the last operand, as it is or rounded to 16 bits.
struct PlainEpilogue {
  DType stored = DType::f32;
  bool bias = false, relu = false;
};
// Nothing if an epilogue does anything else.
std::optional<PlainEpilogue> plain_epilogue(const kernel::Kernel& epilogue);

}  // namespace bitale::codegen::cuda
