// The command of the `bitale` program that measures convolutions layer by layer.
#pragma once

#include <span>
#include <string>

namespace bitale::bench {

int bench_conv_command(std::span<const std::string> arguments);

}  // namespace bitale::bench
