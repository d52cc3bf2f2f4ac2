// The commands of the `bitale` program that measure matrix products.
#pragma once

#include <span>
#include <string>

namespace bitale::bench {

int bench_gemm_command(std::span<const std::string> arguments);
int bench_gemm_worker_command(std::span<const std::string> arguments);  // hidden: started by bench/compare

}  // namespace bitale::bench
