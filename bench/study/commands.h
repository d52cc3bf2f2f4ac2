// The commands of the `bitale` program that live here.
#pragma once

#include <span>
#include <string>

namespace bitale::bench {

int bench_command(std::span<const std::string> arguments);
int bench_compile_command(std::span<const std::string> arguments);  // hidden: started by bench_command
int bench_worker_command(std::span<const std::string> arguments);   // hidden: started by bench/compare

}  // namespace bitale::bench
