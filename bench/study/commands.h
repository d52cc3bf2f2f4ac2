// The commands of the `bitale` program that measure networks.
#pragma once

#include <span>
#include <string>

namespace bitale::bench {

int bench_model_command(std::span<const std::string> arguments);
int bench_compile_command(std::span<const std::string> arguments);  // hidden: started by bench_model_command
int study_command(std::span<const std::string> arguments);          // its workers: bench/study/plan/worker.h
int bench_worker_command(std::span<const std::string> arguments);   // hidden: started by bench/compare
int bench_check_command(std::span<const std::string> arguments);    // hidden: started by the study and bench/gpu/run

}  // namespace bitale::bench
