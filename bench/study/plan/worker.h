// The processes that make one measurement each: hidden commands of the program.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/study/plan/cell.h"

namespace bitale::bench {

// `bitale study-run MODEL ...` times both functions, `bitale study-compile MODEL ...` compiles all functions of a model
// one after another. Both print an object of JSON: figures, or {"cannot": why}.
int study_run_command(std::span<const std::string> arguments);
int study_compile_command(std::span<const std::string> arguments);

// What starts the process of a cell: the command and its arguments.
std::vector<std::string> worker_command(const StudyCell& cell);

}  // namespace bitale::bench
