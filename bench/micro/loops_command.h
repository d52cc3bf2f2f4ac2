#pragma once

#include <span>
#include <string>

namespace bitale::bench {

// bitale bench loops: what a step of a loop costs where its body has next to nothing to do.
int bench_loops_command(std::span<const std::string> arguments);

}  // namespace bitale::bench
