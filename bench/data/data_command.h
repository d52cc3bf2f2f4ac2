// The command of the `bitale` program that measures the loading of pictures.
#pragma once

#include <span>
#include <string>

namespace bitale::bench {

int bench_data_command(std::span<const std::string> arguments);

}  // namespace bitale::bench
