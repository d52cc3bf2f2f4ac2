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

// If an epilogue only stores the elements, as they are or rounded to 16 bits: as what. Then a library may as well.
std::optional<DType> only_stores_as(const kernel::Kernel& epilogue);

}  // namespace bitale::codegen::cuda
