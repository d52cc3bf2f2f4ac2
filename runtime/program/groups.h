// Buffers that are one piece of memory.
#pragma once

#include <vector>

#include "runtime/program/program.h"

namespace bitale::program {

// A group is a buffer without alias_of together with everything that is, directly or not, an alias of it.
struct Groups {
  explicit Groups(const Program& program);  // alias chains must be valid and free of cycles

  std::vector<int> root;  // per buffer
  // Per buffer: who owns the memory of its group. It is the root's role, but a temporary that is also an output or an
  // update by way of an alias has that role: its memory must outlive the call.
  std::vector<Role> role;
};

// Extents that change within a call.
struct Varying {
  std::vector<bool> iteration;  // per slot: differs between iterations of a loop around it
  std::vector<int>
      blocked;  // per slot: 1 + number (in step order) of the blocked step whose tile it depends on; 0: none
};
// `outer`: of the enclosing program, null for the outermost. A slot that depends on two blocked steps is an
// InternalError.
Varying varying_extents(const Program& program, const Varying* outer);

}  // namespace bitale::program
