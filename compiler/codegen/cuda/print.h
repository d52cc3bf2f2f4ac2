// A Kernel as CUDA C++ text: header-free, one __global__ function per phase, readable, starting with the ops it fuses
// and their source lines. The text is what NVRTC and the emulator compile.
//
// How loops are mapped. A phase is a top-level loop, or all of a kernel that has no parallel loop. Where iterations are
// only independent of each other, each is one thread's: a parallel loop, or one flattened with loops below it (nest.h).
// Where lanes of a vector loop meet again (in a reduction, or because the loop is one of several), an iteration of the
// parallel loop is one block's: its vector loops are spread over the threads, reductions go through shuffles and shared
// memory in an order that is fixed by the number of threads, all else is computed by every thread and stored by thread
// 0. Scratch is a thread's own array, or the block's in shared memory. Sequential loops stay loops, unless they do
// nothing but reduce: a block shares them, too, and where an iteration consists of such (reductions.h), it is a
// block's, or that of a column of a block's threads, of which neighbours then read neighbouring elements. A long
// reduction of all elements to one has many blocks, the last of which to end goes on with what all have.
#pragma once

#include <string>
#include <vector>

#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

// Who runs an iteration of the loops that are spread: a thread; a block; or those threads of a block that are a
// multiple of columns_of_block apart.
enum class Team { thread, block, column };
inline constexpr int columns_of_block = 8;  // that read 32 bytes side by side: as much as memory gives at least

// How one function is launched. Its parameters are the kernel's argument buffers, in order, then its extents (long
// long). Any number of blocks gives the same result, but of less than 2^29 threads in all; the product of `work` is how
// many iterations there are.
struct Phase {
  std::string function;
  int threads = 256;                 // of a block; reductions depend on it, it must be this number
  std::vector<kernel::Extent> work;  // empty: one
  Team team = Team::thread;
  bool by_all = false;  // one iteration, of up to blocks_of_reduction blocks
  int run = 1;          // neighbouring iterations that a thread has together (runs.h)
};
inline constexpr int blocks_of_reduction = 64;
int iterations_of_block(const Phase& phase, int threads);  // that it has at once

std::vector<Phase> phases(const kernel::Kernel& kernel);

// __launch_bounds__ of a function with blocks of so many threads. Two blocks at least are to fit into a multiprocessor:
// without that number ptxas spills some registers to fit in more.
std::string launch_bounds(int threads);

// The text of all phases, with what they need.
std::string print(const kernel::Kernel& kernel);

// The functions alone: of all phases; or one __device__ function with the kernel's name, which a thread runs to its end
// by itself. In that one a Store that accumulates is atomic, since other threads run it, too.
std::string print_phases(const kernel::Kernel& kernel);
std::string print_inline(const kernel::Kernel& kernel);

// The functions of all phases as parts of a loop's kernel (loop.h), which calls them with all of its threads:
// __device__ functions whose names have the prefix. Their blocks may have any number of threads that is a multiple
// of 32. by_rows: a kernel whose only top-level loop is parallel, over the rows of its loop; a block has `first_row`,
// an expression, and all that are a multiple of the number of blocks behind it.
std::string print_in_loop(const kernel::Kernel& kernel, const std::string& prefix, bool by_rows,
                          const std::string& first_row);
std::vector<Phase> phases_in_loop(const kernel::Kernel& kernel, bool by_rows);

}  // namespace bitale::codegen::cuda
