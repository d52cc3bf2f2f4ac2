// Devices as targets of the compiler: how their modules are made of a lowered program.
#pragma once

#include <memory>
#include <string>

#include "compiler/driver/report.h"
#include "compiler/lower/lower.h"
#include "runtime/device/driver.h"

namespace bitale::driver {

// What code for the device depends on beside the program: a part of cache keys.
std::string device_settings(const Driver& driver, bool tf32);

// What products by the device's library may do that those of generated functions do not.
struct ProductOptions {
  bool tf32 = false;     // round operands of float32 to TF32
  bool relaxed = false;  // lose a NaN
};

// Afterwards contractions name the functions that run them whole, and those that finish the products of the device's
// library, the program has their entries behind those of its kernels, and modules for the driver's target.
void generate_for_device(lower::Lowered& lowered, const Driver& driver, const ProductOptions& products,
                         CompileReport& report);

// The text of the one module that a GPU would run: the device, if there is one, else one that has all that is made use
// of.
std::string cuda_text(lower::Lowered& lowered, const Driver* device);

}  // namespace bitale::driver
