// A Kernel as CUDA C++ text: header-free, one __global__ function per phase, readable, starting with the ops it fuses and their
// source lines. The text is what NVRTC and the emulator compile.
#pragma once

#include <string>

#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

std::string print(const kernel::Kernel& kernel);

}  // namespace bitale::codegen::cuda
