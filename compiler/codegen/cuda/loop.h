// A loop as one CUDA kernel (program::LoopKernel): the functions of its body's steps, called one after another by all
// blocks, in every iteration. A step that reads what another wrote comes behind a barrier of all blocks.
//
// Steps are put in groups: each comes as early as what it depends on allows, and a group is followed by one barrier.
// Where the loop has rows (LoopStep::rows) that are not long, each row of its kernels' work stays with one block: these
// need no barrier between them, and none at all if there is no contraction.
//
// Where all that the contractions of such a loop read of others are weights that no iteration changes, and few enough
// to stay in registers (resident.h), rows stay with clusters of blocks. Only the blocks of a cluster wait for each
// other, and clusters need not be there at the same time. Row r is of cluster r, modulo their number; of the rows of a
// cluster, each has one block in kernels and copies, and all of them in contractions.
//
// The kernel computes from the number of the iteration where sequences, carries and stacked rows lie, as the executor
// does (runtime/executor/loop.cc), and reads the bounds of a loop itself. All steps have the same number of threads,
// and so contractions have tiles of that number; they share the block's memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/contraction.h"
#include "compiler/codegen/cuda/resident.h"
#include "compiler/kernel/kernel.h"
#include "runtime/program/program.h"

namespace bitale::codegen::cuda {

// A step of the body: a kernel, a contraction, or else a copy.
struct LoopPart {
  const kernel::Kernel* kernel = nullptr;
  std::optional<Contraction> contraction;
  std::vector<int> buffers;            // of the body, in the order of the function's parameters; of a copy: to, from
  std::vector<int> extents;            // slots of the body, in that order
  std::optional<Resident> resident{};  // of a contraction in a loop of clusters
};

struct LoopForm {
  std::string name;
  std::vector<std::string> comments;
  const program::Program* outer = nullptr;  // which the loop is in
  const program::LoopStep* step = nullptr;
  std::vector<LoopPart> parts;  // by group
  std::vector<int> groups;      // how many parts each has
  bool by_rows = false;         // kernels and copies
  bool clusters = false;
  int threads = 0;  // of a block
};

// Why a loop cannot be one kernel, by its step alone; empty: it may.
std::string why_no_kernel(const program::LoopStep& loop);

// How the steps of a body become groups: `order` are their numbers. Contractions get their tiles, or stay resident.
struct LoopPlan {
  std::string why_not;  // empty: all else is there
  std::vector<int> order, groups;
  bool by_rows = false, clusters = false;
  int threads = 0;
};
// has_clusters: the device does.
LoopPlan plan_loop(const program::LoopStep& loop, std::vector<LoopPart>& parts, bool has_clusters);

struct LoopText {
  std::string text;
  program::Launch launch;
  program::LoopKernel kernel;  // but for its entry
};
LoopText print_loop(const LoopForm& loop);

}  // namespace bitale::codegen::cuda
