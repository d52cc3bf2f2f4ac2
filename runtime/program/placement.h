// Where every buffer of a Program lies, for one set of extents.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/program/program.h"

namespace bitale::program {

// Values of all extents for one call. shapes: of inputs, then of Shareds; values: of inputs that are read as extents
// (by input number; others ignored). Throws Error when a check fails, with the check's message and the values.
struct CallShapes {
  std::vector<std::vector<std::int64_t>> inputs, shareds;
  std::vector<std::int64_t> values;
};
std::vector<std::int64_t> evaluate_extents(const Program& program, const CallShapes& shapes);

struct Placement {
  std::vector<std::int64_t> extents;
  int threads = 1;
  std::vector<std::int64_t> offsets;  // per buffer: bytes into the arena; -1 if it has no place there
  std::vector<std::int64_t> bytes;    // per buffer (one thread's piece for workspaces)
  std::vector<int> pieces;            // per buffer: of this many bytes each, rounded up to 64; see Carries
  std::int64_t arena_bytes = 0;       // the planned peak: temporaries and workspaces of all threads, and of loop bodies
  std::vector<Placement> bodies;      // of loop, branch bodies in step order; their offsets are into the same arena
};

// Temporaries share memory when their live intervals (first to last step that touches them) are disjoint: best fit in
// order of size. Every offset is a multiple of 64. Sizes that overflow, or that with the results are over the limit of
// the machine, are an Error that names the largest buffers.
Placement place(const Program& program, std::vector<std::int64_t> extents, int threads);

}  // namespace bitale::program
