// Which loops of a kernel become threads and blocks; see print.h.
#pragma once

#include <vector>

#include "compiler/codegen/cuda/nest.h"
#include "compiler/codegen/cuda/print.h"

namespace bitale::codegen::cuda {

struct Mapping {
  Phase phase;
  bool inlined = false;                     // no phase: a __device__ function
  bool in_loop = false;                     // a phase, as a __device__ function of a loop's kernel
  std::vector<const kernel::Stmt*> before;  // Lets that the function computes first
  std::vector<const kernel::Stmt*> rest;    // what it then runs, inside `outer` if there is one
  const kernel::Loop* outer = nullptr;      // its iterations are given to threads, or to blocks
  std::string first_row = "blockIdx.x";     // of a block; the next is as many on as there are blocks
  // Where it and loops in it become one (nest.h): these, it first; `between`, their Lets, come first in an iteration.
  std::vector<FlatLoop> flat;
  std::vector<const kernel::Stmt*> between;
};

std::vector<Mapping> map_phases(const kernel::Kernel& kernel);
// As parts of a loop's kernel. by_rows: each iteration of the only parallel loop is a block's.
std::vector<Mapping> map_in_loop(const kernel::Kernel& kernel, bool by_rows);
Mapping map_inline(const kernel::Kernel& kernel);

}  // namespace bitale::codegen::cuda
