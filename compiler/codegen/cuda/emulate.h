// CUDA text as code of the host: its C++ compiler makes a shared object of it, behind a few definitions that stand for
// CUDA's. Device "emulated" runs it (runtime/device/emulated.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/module.h"

namespace bitale::codegen::cuda {

// $CXX, else c++, g++ or clang++, whichever is on the path. None is an Error that says so.
std::string host_compiler();

// The bytes of the shared object. A text that does not compile is an InternalError with the compiler's first lines.
std::vector<std::uint8_t> emulate(const Module& module);

}  // namespace bitale::codegen::cuda
