#include "tests/gpu/kernel_runner.h"

#include "compiler/codegen/cuda/emulate.h"
#include "compiler/codegen/cuda/nvrtc.h"
#include "runtime/base/error.h"
#include "tests/support/device.h"

namespace bitale::tests {
namespace {

std::vector<std::uint8_t> compiled(const codegen::cuda::Module& module, const std::string& target) {
  if (is_played()) return codegen::cuda::emulate(module);
  const auto result = codegen::cuda::Nvrtc::get().compile(module.text, target);
  if (!result.compiled) throw InternalError("a module does not compile for " + target + ":\n" + result.log);
  return result.image;
}

}  // namespace

codegen::cuda::Modules modules_of(const std::vector<kernel::Kernel>& kernels) {
  codegen::cuda::ModuleParts parts;
  for (const kernel::Kernel& k : kernels) parts.kernels.push_back(&k);
  return codegen::cuda::print_modules(parts, 1);
}

KernelRunner::KernelRunner(const std::vector<kernel::Kernel>& kernels) : KernelRunner(modules_of(kernels)) {}

KernelRunner::KernelRunner(const codegen::cuda::Modules& modules)
    : driver_(open_driver(tested_device())),
      launches_(modules.launches),
      module_(driver_->load(compiled(modules.modules.at(0), driver_->target()))) {}

void KernelRunner::run(std::size_t number, std::span<const HostBuffer> buffers, std::span<const std::int64_t> extents,
                       std::int64_t blocks) const {
  std::vector<DeviceMemory> memory;
  std::vector<void*> pointers, parameters;
  for (const HostBuffer& b : buffers) {
    if (is_played()) {
      pointers.push_back(b.data);
      continue;
    }
    memory.emplace_back(driver_, b.bytes);
    driver_->to_device(memory.back().data(), b.begin, b.bytes);
    pointers.push_back(static_cast<char*>(memory.back().data()) +
                       (static_cast<char*>(b.data) - static_cast<char*>(b.begin)));
  }
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
  for (std::size_t i = 0; i < memory.size(); ++i)
    driver_->to_host(buffers[i].begin, memory[i].data(), buffers[i].bytes);
  driver_->wait();
}

}  // namespace bitale::tests
