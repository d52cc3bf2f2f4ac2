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

inline constexpr double us_of_barrier = 1, us_of_cluster_barrier = 0.3;  // of all blocks of a kernel, and of a cluster

// Blocks of a cluster: as many as every device with clusters has together.
inline constexpr int cluster_blocks = 8;

// Clusters that a device holds at once, where each of their blocks has a multiprocessor: of an H100, two for each of
// its eight groups of multiprocessors. More would wait for these.
inline constexpr std::int64_t most_clusters = 16;

// Which part of a device's multiprocessors (of an H100) has blocks of the loop's kernel.
double share_of_device(const LoopStep& loop, std::span<const std::int64_t> extents);

// `extents` are those of the body. The flag BITALE_LOOPS decides without looking at the work: "kernels", "grid",
// "launches".
bool runs_as_kernel(const LoopStep& loop, std::span<const std::int64_t> extents);

// Why the groups of its kernel are none of the body's steps; empty: they are.
std::string fault_of_groups(const LoopStep& loop);

}  // namespace bitale::program
