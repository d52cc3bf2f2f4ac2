// Random well-typed graphs over all registered ops.
//
// A graph grows from a pool of tensors. A step applies a sample of some op, the left side of some rewrite rule, or one
// of the movements, reductions and products written out in random_graph.cc, to tensors of the pool that are made to fit
// (cast, broadcast, reduced, transposed, sliced) or to fresh inputs. Samples are what an op declares anyway, so an op
// that is added takes part by itself. Every step is interpreted at once: what its type rule or its values refuse (an
// Error) is dropped, and so is most of what overflows.
#pragma once

#include <cstdint>

#include "tests/support/op_cases.h"

namespace bitale::tests {

struct RandomGraphOptions {
  int steps = 10;
  double symbolic = 0.3;  // share of extents that are symbols
  double hostile = 0.06;  // share of float inputs with NaN, infinities, zeros of both signs, tiny values
};

// Depends on the seed and the options alone. Has one output or more, and inputs in use or that bind a symbol.
BuiltCase random_graph(std::uint64_t seed, const RandomGraphOptions& options = {});

// A random float64 scalar made of the float outputs; empty if there are none.
ir::Tensor random_cost(const BuiltCase& forward, std::uint64_t seed);

// The gradients of a random float scalar made from the outputs, with respect to the float inputs; nothing if there is
// no float output. Its inputs and values are those of `forward`.
BuiltCase random_gradient(const BuiltCase& forward, std::uint64_t seed);

// False where the interpreter refuses the values, as a call would.
bool has_values(const BuiltCase& graph);

// The graph without inputs that no output reads and that bind no symbol.
BuiltCase without_unused_inputs(BuiltCase graph);

}  // namespace bitale::tests
