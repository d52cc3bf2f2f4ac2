// Products in the kernel of a loop whose rows stay with clusters of blocks (loop.h), with weights that no iteration
// changes: a thread reads its share of the weights, operand b, before the first iteration and keeps it in registers.
//
// A block has the same columns of every slice of the product in all iterations. Some of its threads, side by side, have
// a column together, each of them every so many steps of k, and their sums meet in shuffles, in a fixed order. The
// cluster's rows of operand a go through shared memory, a few of them at a time.
#pragma once

#include <optional>
#include <string>

#include "compiler/codegen/cuda/contraction.h"
#include "runtime/program/loop_kernel.h"

namespace bitale::codegen::cuda {

using program::cluster_blocks;
inline constexpr int cluster_threads = 256;

struct Resident {
  int columns = 0;  // of each slice, that a block has; all blocks of a cluster have all columns
  int threads = 0;  // that share a column: a power of two, at most a warp
  int weights = 0;  // elements that a thread holds
  int rows = 0;     // that go through shared memory at a time, at most
};

// Nothing if it has another form, or too much of it is not a constant: m is one dim, the rows; n, k, their strides and
// where b begins are known; there are no batches. Accumulating contractions are for the caller to leave out.
std::optional<Resident> plan_resident(const Contraction& contraction);

// Bytes of shared memory that its function is given.
std::int64_t shared_bytes(const Contraction& contraction, const Resident& plan);
// 32-bit registers of a thread that hold weights.
int registers_of(const Contraction& contraction, const Resident& plan);

// The type of a thread's weights, as in "float w[32]".
std::string weights_of(const Contraction& contraction, const Resident& plan, const std::string& name);
// Two functions: NAME_weights(w, b, extents), and NAME(shared, w, a, operands, extents).
std::string print_resident(const Contraction& contraction, const Resident& plan);

}  // namespace bitale::codegen::cuda
