// The CUDA text of a whole program: its kernels, contractions and their epilogues, each module behind a prelude.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/cuda/contraction.h"
#include "compiler/codegen/cuda/library.h"
#include "compiler/codegen/cuda/loop.h"
#include "compiler/kernel/kernel.h"
#include "runtime/program/program.h"

namespace bitale::codegen::cuda {

// Names of kernels and contractions differ.
struct ModuleParts {
  std::vector<const kernel::Kernel*> kernels;  // by entry; null: not launched
  std::vector<const kernel::Kernel*> epilogues;
  std::vector<Contraction> contractions;  // of the entries behind those of the kernels; those that finish, too
  std::vector<LibraryKernel> library;     // of those behind them
  std::vector<LoopForm> loops;            // and of the last
};

// One text, which is compiled alone.
struct Module {
  struct Function {
    std::string name;
    bool meets = false;     // its threads meet at barriers or in shuffles
    bool together = false;  // its blocks meet as well
    int cluster = 1;        // or those of a cluster of so many
  };
  std::string text;
  std::vector<Function> functions;  // that are launched
};

struct Modules {
  std::vector<Module> modules;
  std::vector<std::vector<program::Launch>> launches;  // by entry; their images are the modules
};

// In at most so many modules of about the same size, fewer if there is little to compile.
Modules print_modules(const ModuleParts& parts, int most);

}  // namespace bitale::codegen::cuda
