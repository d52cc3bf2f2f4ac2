// Loops whose work is dealt to the threads by rows (LoopStep::rows).
#pragma once

#include <cstdint>
#include <string>

#include "runtime/program/program.h"

namespace bitale::program {

struct Range {
  std::int64_t begin = 0, end = 0;
};

// The part of a thread, as kernels deal out their outermost loop.
constexpr Range rows_of_thread(std::int64_t rows, int thread, int threads) {
  return {rows * thread / threads, rows * (thread + 1) / threads};
}

// What the fields of such a loop promise: its steps are kernels, contractions and copies, and what they write has those
// rows. That each row reads no others of it is the compiler's word. InternalError; `label` names the loop.
void check_rows(const LoopStep& loop, const std::string& label);

}  // namespace bitale::program
