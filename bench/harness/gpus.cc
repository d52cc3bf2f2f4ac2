#include "bench/harness/gpus.h"

#include <array>

#include <dlfcn.h>
#include <fmt/format.h>

#include "runtime/device/cuda_libraries.h"

namespace bitale::bench {
namespace {

using Result = int;  // 0: success

template <class Function>
Function* find(const CudaLibrary& library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library.handle, name));
}

Gpu gpu_of(const CudaLibrary& library, int device) {
  Gpu gpu;
  std::array<char, 256> name{};
  if (auto* f = find<Result(char*, int, int)>(library, "cuDeviceGetName");
      f && f(name.data(), static_cast<int>(name.size()), device) == 0)
    gpu.name = name.data();
  std::size_t bytes = 0;
  if (auto* f = find<Result(std::size_t*, int)>(library, "cuDeviceTotalMem_v2"); f && f(&bytes, device) == 0)
    gpu.memory_bytes = static_cast<std::int64_t>(bytes);
  return gpu;
}

}  // namespace

Gpus find_gpus() {
  Gpus gpus;
  constexpr const char* names[] = {"libcuda.so.1"};
  const CudaLibrary library = open_cuda_library(names);
  if (!library.handle) return gpus;
  auto* start = find<Result(unsigned)>(library, "cuInit");
  auto* count_of = find<Result(int*)>(library, "cuDeviceGetCount");
  auto* open = find<Result(int*, int)>(library, "cuDeviceGet");
  int count = 0;
  if (!start || !count_of || !open || start(0) != 0 || count_of(&count) != 0) return gpus;
  for (int index = 0; index < count; ++index)
    if (int device = 0; open(&device, index) == 0) gpus.all.push_back(gpu_of(library, device));
  int version = 0;
  if (auto* f = find<Result(int*)>(library, "cuDriverGetVersion"); f && f(&version) == 0)
    gpus.cuda = fmt::format("{}.{}", version / 1000, version % 1000 / 10);
  return gpus;
}

}  // namespace bitale::bench
