#include "tests/gpu/emulator.h"

#include "compiler/codegen/cuda/emulate.h"

namespace bitale::tests {

codegen::cuda::Modules modules_of(const std::vector<kernel::Kernel>& kernels) {
  codegen::cuda::ModuleParts parts;
  for (const kernel::Kernel& k : kernels) parts.kernels.push_back(&k);
  return codegen::cuda::print_modules(parts, 1);
}

Emulator::Emulator(const std::vector<kernel::Kernel>& kernels) : Emulator(modules_of(kernels)) {}

Emulator::Emulator(const codegen::cuda::Modules& modules)
    : driver_(open_driver("emulated")),
      launches_(modules.launches),
      module_(driver_->load(emulate(modules.modules.at(0)))) {}

void Emulator::run(std::size_t number, std::span<void* const> buffers, std::span<const std::int64_t> extents,
                   std::int64_t blocks) const {
  std::vector<void*> pointers(buffers.begin(), buffers.end()), parameters;
  std::vector<std::int64_t> values(extents.begin(), extents.end());
  for (void*& p : pointers) parameters.push_back(&p);
  for (std::int64_t& v : values) parameters.push_back(&v);
  for (const program::Launch& launch : launches_[number]) {
    void* const function = module_->function(launch.function);
    if (launch.together.empty())
      driver_->launch(function, blocks, launch.threads, parameters);
    else
      driver_->launch_together(function, blocks, launch.threads, parameters);
  }
}

}  // namespace bitale::tests
