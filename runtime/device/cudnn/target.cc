#include "runtime/device/cudnn/target.h"

#include "runtime/device/cudnn/functions.h"

namespace bitale::cudnn {

Handle::Handle(void* stream) {
  check(Library::get().functions().cudnnCreate(&value_), "opening it for the GPU");
  try {
    use(stream);
  } catch (...) {
    Library::get().functions().cudnnDestroy(value_);
    throw;
  }
}
Handle::~Handle() { Library::get().functions().cudnnDestroy(value_); }

void Handle::use(void* stream) const {
  check(Library::get().functions().cudnnSetStream(value_, stream), "setting its stream");
}

Target::Target(const Handle& handle) : device_(Kind::device) {
  device_.set(attribute::device_handle, HandleValue{handle.value()});
  device_.finalize();
}

Target::Target(const std::string& json) : device_(Kind::device) {
  device_.set(attribute::device_json, std::span<const char>(json));
  device_.finalize();
}

std::string Target::json() const {
  const std::vector<char> text = device_.get(attribute::device_json);
  std::string json(text.begin(), text.end());
  while (!json.empty() && json.back() == '\0') json.pop_back();
  return json;
}

namespace {

// An H100 SXM5 of 80 GB. NVIDIA documents neither the keys nor that such a text can be written by hand: the keys are
// those that cuDNN 9.19 asks for in its messages, one after the other, when one is missing. The values are those of
// NVIDIA's documents on compute capability 9.0 (blocks, threads, registers, shared memory) and of the product
// (multiprocessors, clocks, caches, memory). Assumed: driverVer (of CUDA 13.0), both ids, and the exact bytes of
// memory. The text that a Target of a real GPU gives knows better. Of all numbers but deviceVer, only the two clocks
// change what cuDNN 9.19 proposes for LeNet and AlexNet, when each is halved and doubled.
const std::string h100 = R"({
  "deviceName": "NVIDIA H100 80GB HBM3",
  "deviceVer": 900,
  "driverVer": 13000,
  "cudaDeviceId": 0,
  "pciDeviceId": 0,
  "isTccDriver": 0,
  "supportCoopLaunch": 1,
  "multiProcessorCount": 132,
  "warpSize": 32,
  "maxGridSize": [2147483647, 65535, 65535],
  "maxBlockSize": [1024, 1024, 64],
  "maxThreadsPerBlock": 1024,
  "maxThreadsPerSM": 2048,
  "maxCtasPerSM": 32,
  "regsPerBlock": 65536,
  "maxRegistersPerSM": 65536,
  "maxSharedMemoryPerBlock": 49152,
  "maxSharedMemoryPerBlockOptin": 232448,
  "reservedSharedMemoryPerBlock": 1024,
  "smClockRateKHz": 1980000,
  "memClockRateKHz": 2619000,
  "l2CacheSize": 52428800,
  "totalGlobalMem": 85029158912
})";

}  // namespace

const std::string& description(const std::string& architecture) {
  if (architecture == "sm_90") return h100;
  throw Error("cuDNN can be asked without a GPU for sm_90 only, of which an H100 is described; " + architecture +
              " was asked for");
}

}  // namespace bitale::cudnn
