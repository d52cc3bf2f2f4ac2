// Kernels on device "emulated", called one by one with memory of the host.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/module.h"
#include "compiler/kernel/kernel.h"
#include "runtime/device/driver.h"

namespace bitale::tests {

class Emulator {
 public:
  // Their names differ.
  explicit Emulator(const std::vector<kernel::Kernel>& kernels);
  explicit Emulator(const codegen::cuda::Modules& modules);

  // Runs all phases of kernel `number`, each with this number of blocks.
  void run(std::size_t number, std::span<void* const> buffers, std::span<const std::int64_t> extents,
           std::int64_t blocks) const;

 private:
  std::shared_ptr<Driver> driver_;
  std::vector<std::vector<program::Launch>> launches_;
  std::shared_ptr<const Driver::Module> module_;
};

// The one module of these kernels.
codegen::cuda::Modules modules_of(const std::vector<kernel::Kernel>& kernels);

}  // namespace bitale::tests
