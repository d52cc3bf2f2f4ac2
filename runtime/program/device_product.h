// Contractions on a device that its library may do: products of plain matrices with enough work.
//
// What decides is the extents of a call, when it is placed. A product of little work stays with the generated function:
// that ends in the epilogue, and so costs one launch, where the library's product, unless the library does all that the
// epilogue does, is written to memory and read from it again by a launch of its own. What enough is was not measured
// yet; it rests on what an H100 is assumed to do (runtime/device/gpu_rates.h).
#pragma once

#include <optional>
#include <span>

#include "runtime/device/matrix_product.h"
#include "runtime/program/program.h"

namespace bitale::program {

struct DeviceProduct {
  MatrixProduct product;             // without what is known of addresses
  bool direct = false;               // finished, and straight to the step's last operand; else to its workspace
  std::int64_t workspace_bytes = 0;  // 0 if direct
  double us_saved = 0;               // against the generated function, by the assumed rates
};

// Nothing where the generated function does it: the candidate of the step is another, or the flag BITALE_CONTRACTION
// says so ("cublaslt" there makes any work enough); extents and strides are not of plain matrices whose batches are
// evenly spaced; there is too little work.
std::optional<DeviceProduct> device_product(const ContractionStep& step, std::span<const std::int64_t> extents);

// What a contraction takes by the generated function: assumed as well.
double us_by_generated(const ContractionStep& step, std::span<const std::int64_t> extents);

// Whether there may be extents for which it says something; `program` is whose step it is.
bool may_be_device_product(const Program& program, const ContractionStep& step);

}  // namespace bitale::program
