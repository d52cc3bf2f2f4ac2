// A contraction (runtime/program/contraction.h) as one CUDA kernel: blocks of threads take tiles of the output, go
// through shared memory along k, and hand every element to the epilogue, which is printed as a function of its own.
//
// A tile's next `depth` steps of k are copied to shared memory while those before them are multiplied (cp.async: what
// is on its way occupies no registers). Where the output has few tiles, blocks sum parts of k, which meet in the
// module's memory in a fixed order: sums are the same in every call. Operands of 16 bits lie in shared memory as they
// are where they are copied in pieces, and are widened when they are multiplied; else they are widened as they are
// copied, and waited for. Elements of an accumulating contraction are added
// atomically: sums that meet in one place are rounded in any order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/form.h"
#include "compiler/kernel/kernel.h"
#include "runtime/program/program.h"

namespace bitale::codegen::cuda {

// A block of `threads` sums rows x columns of the output at a time, `depth` steps of k between two barriers; each
// thread has high x wide of the sums.
struct Tile {
  int rows = 0, columns = 0, depth = 0, threads = 0;
  int high = 0, wide = 0;
  bool operator==(const Tile&) const = default;
};

// The step with its slots resolved: constants, or arguments of the function.
struct Contraction {
  struct Dim {
    kernel::Extent extent, a, b;           // and element strides
    std::vector<kernel::Extent> operands;  // by operand
  };
  struct Operand {
    kernel::Extent offset;
    DType storage = DType::f32;
    bool written = false;
  };
  std::string name;
  std::vector<std::string> comments;                     // as in a kernel
  DType dtype = DType::f32;                              // f32 or f64
  DType a_storage = DType::f32, b_storage = DType::f32;  // of what is read: dtype, or 16 bits that are computed with so
  std::vector<Dim> batch, m, n, k;                       // outermost first
  kernel::Extent a_offset, b_offset;
  bool a_aligned = false, b_aligned = false;  // to 16 bytes, before the offset
  std::vector<Operand> operands;
  std::string epilogue;  // the function's name; nothing if the contraction has no elements to finish
  int extents = 0;       // number of arguments
  // Of several contractions that are one function: what differs is given behind the extents (form.h).
  struct Parameters {
    std::vector<int> of_number;      // by number of the text; -1: it is the same in all
    std::vector<bool> wide;          // by parameter: int does not hold all of its values
    int batch = -1, m = -1, n = -1;  // groups of dims whose number of indices is a parameter
  };
  Parameters parameters;
  // Of several, the first dim of n are slices, of which the epilogue reads all; a power of two, and the other dim of n
  // a multiple of what a tile then has of each. Strides along n are constants.
  int slices = 1;
  bool finish = false;       // only finishes a library's product: see finish.h
  std::optional<Tile> tile;  // instead of the one that is chosen
  // In the kernel of a loop (loop.h): a function of it, with a parameter before the others, memory that all of the
  // block's threads share. Parts are then long, as they meet more slowly than a loop along k goes on.
  bool in_loop = false;
};

// All tiles that are chosen from.
std::vector<Tile> tiles_of(DType dtype);

// Parameters: a, b, the operands, then the extents and what else differs (long long). The text uses the prelude, and
// memory_of().
std::string print(const Contraction& contraction);
// Of contractions that have no parameters: equal texts can be one function.
Form form_of(const Contraction& contraction);

// Bytes of shared memory: what a function of a loop is given, and what it has of its own.
struct SharedBytes {
  std::int64_t given = 0, own = 0;
};
SharedBytes shared_bytes(const Contraction& contraction);

// How it is launched.
program::Launch launch_of(const Contraction& contraction);

// The definition of the memory in which parts meet, for all contractions of a module; nothing if they have no parts.
// Launches that use it follow each other: those with `least` above 1, and those of loops, whose blocks are together
// (runtime/executor/recording.cc keeps their order).
std::string memory_of(std::span<const Contraction* const> contractions);

}  // namespace bitale::codegen::cuda
