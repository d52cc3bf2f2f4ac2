// Library calls (runtime/library/library.h) that a device does by a kernel of its own instead of the host.
//
// Parameters: the call's buffers; the error word of the program's call, int64[4] of which the first is 0 as long as no
// data check has failed, then the check's ErrorCode, the number of its step, the offending value and its limit; the
// call's extents; the number of the step.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/program/program.h"

namespace bitale::codegen::cuda {

struct LibraryKernel {
  std::string text;  // of functions whose names begin with `name`
  std::vector<program::Launch> launches;
};

// Nothing for a call that only the host does. `ordered`: sums of scattered elements are added in order, however long
// that takes; else in any.
std::optional<LibraryKernel> library_kernel(const std::string& function, std::span<const std::int64_t> integers,
                                            const std::string& name, bool ordered);

}  // namespace bitale::codegen::cuda
