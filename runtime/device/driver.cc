#include "runtime/device/driver.h"

#include <map>
#include <mutex>

#include "runtime/base/error.h"
#include "runtime/device/cuda.h"
#include "runtime/device/emulated.h"
#include "runtime/device/offline.h"

namespace bitale {

void Driver::multiply(const Product&, const void*, const void*, const void*, void*) {
  throw InternalError("the device has no library that multiplies matrices");
}

std::string Driver::why_not_convolve() const { return "it needs an NVIDIA GPU (device cuda) and the library cuDNN"; }
std::shared_ptr<const cudnn::ConvolutionPlan> Driver::plan_convolution(const cudnn::Convolution&,
                                                                       const cudnn::ConvolutionMemory&) {
  return nullptr;
}
void Driver::convolve(const cudnn::ConvolutionPlan&, const cudnn::ConvolutionMemory&) {
  throw InternalError("the device has no library for convolutions");
}

DeviceMemory::DeviceMemory(std::shared_ptr<Driver> driver, std::size_t bytes) {
  void* memory = driver->allocate(bytes);
  memory_ = {memory, [driver = std::move(driver)](void* m) { driver->release(m); }};
}

namespace {

struct Installed {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Driver>> drivers;
};
Installed& installed() {
  static auto* const all = new Installed;
  return *all;
}

// Of "cuda", "cuda:1"; -1 if it is neither.
int gpu_number(const std::string& device) {
  if (device == "cuda") return 0;
  const std::string number = device.starts_with("cuda:") ? device.substr(5) : "";
  const bool digits = !number.empty() && number.size() <= 4 && number.find_first_not_of("0123456789") == number.npos;
  return digits ? std::stoi(number) : -1;
}

}  // namespace

bool is_architecture(const std::string& device) {
  return device.size() >= 5 && device.size() <= 7 && device.starts_with("sm_") &&
         device.find_first_not_of("0123456789", 3) == device.npos;
}

bool is_device_name(const std::string& device) {
  return device == "emulated" || gpu_number(device) >= 0 || is_architecture(device);
}

void install_driver(const std::string& device, std::shared_ptr<Driver> driver) {
  const std::lock_guard lock(installed().mutex);
  installed().drivers[device] = std::move(driver);
}

std::shared_ptr<Driver> open_driver(const std::string& device) {
  {
    const std::lock_guard lock(installed().mutex);
    if (const auto found = installed().drivers.find(device); found != installed().drivers.end()) return found->second;
  }
  if (device == "emulated") return emulated_driver();
  if (const int number = gpu_number(device); number >= 0) return cuda_driver(number);
  if (is_architecture(device)) return offline_driver(device);
  throw Error(
      "device '" + device +
      "' is not known; there are: cpu, cuda (or cuda:0, cuda:1...), emulated, and sm_90 and the like to compile only");
}

}  // namespace bitale
