#pragma once

#include <span>
#include <string>

namespace bitale::bench {

// bitale bench leaves: speed of the generated micro-kernels and packing on data in L1 and L2, as a share of the FMA
// peak measured beside them; and what generating, linking and loading them costs.
int bench_leaves_command(std::span<const std::string> arguments);

}  // namespace bitale::bench
