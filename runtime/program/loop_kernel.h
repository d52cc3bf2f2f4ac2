// Loops that one kernel of a device may run whole (LoopKernel): which do is decided when the extents are known.
//
// A kernel waits for all of its blocks between one group of steps and the next, where launches begin anew. What it
// cannot do is choose: a step's product has the tile that all of the loop's products have threads for, and is never
// cuBLASLt's. So a loop whose steps have much to do stays launches. As in device_product.h, the numbers are assumed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/program/program.h"

namespace bitale::program {

inline constexpr double us_of_barrier = 1;  // of all blocks of a kernel

// `extents` are those of the body. The flag BITALE_LOOPS decides without looking at the work: "kernels", "launches".
bool runs_as_kernel(const LoopStep& loop, std::span<const std::int64_t> extents);

// Why the groups of its kernel are none of the body's steps; empty: they are.
std::string fault_of_groups(const LoopStep& loop);

}  // namespace bitale::program
