// What random graphs are made into, and how each is checked: everything that a user makes of a graph.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/differential.h"

namespace bitale::tests {

enum class Use : std::uint8_t {
  values,    // the outputs
  gradient,  // those of a random scalar of the outputs, in the float inputs
  tangents,  // jvp along random directions; with vjp it satisfies <u, J v> = <J^T u, v>
  batch,     // vmap over some of the inputs; it gives what a loop gives
  updates,   // some inputs are Shared variables, which the function updates: several calls, and set() between them
};
const char* name_of(Use use);
inline constexpr Use all_uses[] = {Use::values, Use::gradient, Use::tangents, Use::batch, Use::updates};

struct RandomProgram {
  BuiltCase graph;
  Use use = Use::values;
  std::uint64_t seed = 1;  // of everything random in the use
};

// The graph that is compiled for the use: derivatives or batched outputs in place of the outputs; for updates, the
// outputs and the new values. Without outputs where there is nothing to make (no float output), or where its values are
// refused.
BuiltCase made_of(const RandomProgram& program);

Finding check(const RandomProgram& program, const DifferentialOptions& options);

// A smaller program of the same use and seed that shows the same kind of fault.
RandomProgram shrink(RandomProgram program, const std::string& kind, const DifferentialOptions& options);

// As C++ that a user could have written (vmap, which is no part of the public API, in a comment), and the compiled
// graph as IR text with the values of its inputs.
std::string to_cpp(const RandomProgram& program, const DifferentialOptions& options);
std::string to_string(const RandomProgram& program, const DifferentialOptions& options);

}  // namespace bitale::tests
