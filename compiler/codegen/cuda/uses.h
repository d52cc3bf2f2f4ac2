// How often a function uses each value of a kernel: what is used once, where it is made, needs no name.
#pragma once

#include <initializer_list>
#include <vector>

#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

struct Use {
  int count = 0;
  int region = -1;         // of the Let
  bool elsewhere = false;  // used in another region than that
};

// By value. The lists are regions of one function.
std::vector<Use> uses_of(const kernel::Kernel& kernel,
                         std::initializer_list<const std::vector<const kernel::Stmt*>*> lists);

}  // namespace bitale::codegen::cuda
