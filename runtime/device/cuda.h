// NVIDIA's GPUs through the CUDA driver API, whose library is opened at run time.
#pragma once

#include "runtime/device/driver.h"

namespace bitale {

// Errors: no driver, one older than CUDA 12, no GPU, no GPU of this number.
std::shared_ptr<Driver> cuda_driver(int index);

}  // namespace bitale
