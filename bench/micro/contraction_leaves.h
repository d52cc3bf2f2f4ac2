#pragma once

#include <span>
#include <string>

namespace bitale::bench {

// Speed of the generated micro-kernels and packing on data in L1 and L2, on every instruction set that this machine
// executes, as a share of the FMA peak measured beside them; and what generating, linking and loading them costs.
int contraction_leaves(std::span<const std::string> arguments);

}  // namespace bitale::bench
