// One function for several contractions: it is compiling contractions that takes most of the time of a compilation.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/contraction.h"

namespace bitale::codegen::cuda {

// Contractions (without parameters) whose keys are equal can be one function, whatever they are called.
std::string key_of(const Contraction& contraction);

struct Shared {
  Contraction function;                              // the first, with parameters for what differs
  std::vector<std::vector<std::int64_t>> arguments;  // of these parameters, by contraction
};
Shared share(std::span<const Contraction* const> contractions);

}  // namespace bitale::codegen::cuda
