#pragma once

#include <span>
#include <string>

namespace bitale::bench {

int bench_gpu_command(std::span<const std::string> arguments);

}  // namespace bitale::bench
