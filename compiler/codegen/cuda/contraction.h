// A contraction (runtime/program/contraction.h) as one CUDA kernel: blocks of threads take tiles of the output, go
// through shared memory along k, and hand every element to the epilogue, which is printed as a function of its own.
//
// Elements of an accumulating contraction are added atomically: sums that meet in one place are rounded in any order.
#pragma once

#include <string>
#include <vector>

#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

// The step with its slots resolved: constants, or arguments of the function.
struct Contraction {
  struct Dim {
    kernel::Extent extent, a, b;           // and element strides
    std::vector<kernel::Extent> operands;  // by operand
  };
  struct Operand {
    kernel::Extent offset;
    DType storage = DType::f32;
    bool written = false;
  };
  std::string name;
  std::vector<std::string> comments;  // as in a kernel
  DType dtype = DType::f32;
  std::vector<Dim> batch, m, n, k;  // outermost first
  kernel::Extent a_offset, b_offset;
  std::vector<Operand> operands;
  std::string epilogue;  // the function's name; nothing if the contraction has no elements to finish
  int extents = 0;       // number of arguments
  bool finish = false;   // only finishes a library's product: see finish.h
};

inline constexpr int contraction_threads = 256;
inline constexpr int contraction_tile = 64;  // rows and columns of a block

// Parameters: a, b, the operands, then the extents (long long).
std::string print(const Contraction& contraction);

}  // namespace bitale::codegen::cuda
