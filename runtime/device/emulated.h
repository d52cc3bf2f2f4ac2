// A device that the host plays: kernels are CUDA text that the host's compiler has made into a shared object
// (compiler/codegen/cuda/emulate.h). It is slow, and strict: memory is its own, of NaN until it is written, and ends at
// a page that cannot be accessed; the threads of a block take turns in an order that is drawn anew for every launch.
#pragma once

#include "runtime/device/driver.h"

namespace bitale {

std::shared_ptr<Driver> emulated_driver();

// How a function is called in such a shared object, where its name is behind this prefix.
inline constexpr const char* emulated_prefix = "launch_";
// Returns what went wrong, or null.
using EmulatedLaunch = const char* (*)(void* const* parameters, std::int64_t blocks, int threads, std::uint64_t seed);

}  // namespace bitale
