// A GPU that is not there: code is compiled for its architecture, and nothing runs.
#pragma once

#include "runtime/device/driver.h"

namespace bitale {

std::shared_ptr<Driver> offline_driver(const std::string& architecture);  // "sm_90"

}  // namespace bitale
