// A device that the host plays: kernels are CUDA text that the host's compiler has made into a shared object
// (compiler/codegen/cuda/emulate.h). It is slow, and strict: memory is its own, of NaN until it is written, and ends at
// a page that cannot be accessed; the threads of a block take turns in an order that is drawn anew for every launch,
// and so do the blocks of functions that need all of them at once, and the streams of a recording
// (emulated_streams.h). What is asked for is done when somebody waits, and what uses memory that was given back before
// it was asked for is an InternalError.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/device/driver.h"

namespace bitale {

std::shared_ptr<Driver> emulated_driver();

// How a function is called in such a shared object, where its name is behind this prefix.
inline constexpr const char* emulated_prefix = "launch_";
// Returns what went wrong, or null.
using EmulatedLaunch = const char* (*)(void* const* parameters, std::int64_t blocks, int threads, std::uint64_t seed);

// How many blocks of so many threads are there at the same time, at most: threads lie in arrays of the shared object.
constexpr std::int64_t emulated_together(int threads) { return std::clamp(1024 / threads, 1, 6); }

}  // namespace bitale
