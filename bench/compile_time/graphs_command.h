#pragma once

#include <span>
#include <string>

namespace bitale::bench {

// bitale bench graphs: what compiling large graphs costs, by number of nodes, so that it can be seen to be linear.
int bench_graphs_command(std::span<const std::string> arguments);

}  // namespace bitale::bench
