// What plans are made for: the GPU of a handle, or a GPU that is described and not there.
#pragma once

#include <string>

#include "runtime/device/cudnn/backend.h"

namespace bitale::cudnn {

// What runs plans: in the CUDA context that is current where it is made, on one stream (a CUstream).
class Handle {
 public:
  explicit Handle(void* stream);
  Handle(const Handle&) = delete;
  ~Handle();
  void use(void* stream) const;  // from now on
  void* value() const { return value_; }

 private:
  void* value_ = nullptr;
};

class Target {
 public:
  explicit Target(const Handle& handle);
  // As cuDNN writes GPUs: json() of another Target, or description().
  explicit Target(const std::string& json);

  std::string json() const;
  const Descriptor& device() const { return device_; }

 private:
  Descriptor device_;
};

// A GPU of the architecture, as JSON for a Target. There is one for sm_90 only; another is an Error that says so.
const std::string& description(const std::string& architecture);

}  // namespace bitale::cudnn
