// What the executor knows of a Program before it knows any shape: where each step's arguments lie in the argument
// tables, and which entries change when a buffer moves or an extent changes.
#pragma once

#include <span>
#include <vector>

#include "runtime/library/library.h"
#include "runtime/memory/array.h"
#include "runtime/program/carries.h"
#include "runtime/program/groups.h"
#include "runtime/program/program.h"

namespace bitale::executor {

// Lists of positions, one list per key.
struct Positions {
  std::vector<int> start, items;
  std::span<const int> of(int key) const {
    const auto k = static_cast<std::size_t>(key);
    return std::span(items).subspan(static_cast<std::size_t>(start[k]),
                                    static_cast<std::size_t>(start[k + 1] - start[k]));
  }
};

struct StepLayout {
  const program::Step* step = nullptr;
  int id = 0;                     // position in the list of all steps of the Runnable, bodies included
  int args = 0, extent_args = 0;  // where its argument lists begin
  library::LibraryFn library = nullptr;
  std::vector<int> bodies;                            // in Layout::bodies
  std::vector<StepLayout> inner;                      // of a blocked step
  int number = 0;                                     // of a blocked step, as in Varying
  std::vector<program::LoopOutput> outputs;           // of a loop
  std::vector<const program::LoopBinding*> bindings;  // of a loop: what passes an input on before what fills it anew
  std::vector<int> first_touched;                     // roots of temporaries whose live interval starts here
};

struct Layout {
  static Layout of(const program::Program& program);

  const program::Program* program;
  program::Groups groups;
  program::Varying varying;
  std::vector<StepLayout> steps;
  std::vector<Layout> bodies;  // in the order of Placement::bodies
  std::vector<Array> constants;
  int args = 0, extent_args = 0;             // lengths of the argument tables
  Positions uses;                            // of a root buffer, in the table of addresses
  Positions extent_uses;                     // of a slot, in the table of extents
  std::vector<int> iteration_slots;          // that differ between iterations, in order of evaluation
  std::vector<std::vector<int>> tile_slots;  // per blocked step: derived from its tile

 private:
  struct Builder;
  Layout(const program::Program& program, const program::Varying* outer, int& next_id);
};

}  // namespace bitale::executor
