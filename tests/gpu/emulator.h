// Runs printed kernels on the host: the text is compiled by the host's C++ compiler behind a few definitions that stand
// for CUDA's, and the threads of a block take turns from barrier to barrier.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "compiler/kernel/kernel.h"

namespace bitale::tests {

class Emulator {
 public:
  // Compiles all kernels; their names differ. Nothing if there is no compiler.
  static std::optional<Emulator> compile(const std::vector<kernel::Kernel>& kernels);

  // Runs all phases of a kernel, each with this number of blocks.
  void run(const kernel::Kernel& kernel, std::span<void* const> buffers, std::span<const std::int64_t> extents,
           unsigned blocks) const;

 private:
  std::shared_ptr<void> library_;
};

}  // namespace bitale::tests
