// Kernels on the device of the tests, called one by one with memory of the host.
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

// What a kernel sees as a buffer begins at `data`, in `bytes` from `begin` on, 16-byte aligned: a GPU gets all of
// them, and they come back.
struct HostBuffer {
  void* begin = nullptr;
  std::size_t bytes = 0;
  void* data = nullptr;
};

class KernelRunner {
 public:
  // Their names differ.
  explicit KernelRunner(const std::vector<kernel::Kernel>& kernels);
  explicit KernelRunner(const codegen::cuda::Modules& modules);

  // Runs all phases of kernel `number`, each with this number of blocks.
  void run(std::size_t number, std::span<const HostBuffer> buffers, std::span<const std::int64_t> extents,
           std::int64_t blocks) const;

 private:
  std::shared_ptr<Driver> driver_;
  std::vector<std::vector<program::Launch>> launches_;
  std::shared_ptr<const Driver::Module> module_;
};

// The one module of these kernels.
codegen::cuda::Modules modules_of(const std::vector<kernel::Kernel>& kernels);

}  // namespace bitale::tests
