// The rules about a Program's code, for the verifier: each function throws InternalError where one is broken.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/program/program.h"

namespace bitale::program {

// Code is of the CPU or of devices: their steps differ.
bool is_for_device(const Program& program);

void check_code(const Program& program);

// The launches of an entry depend on extents that a step (`label`) gives it; the entry exists. of_loop: it is the
// kernel of a loop, which is one launch, and the only kind that is launched together, or in clusters.
void check_launches(const Program& outermost, int entry, std::size_t extents, const std::string& label,
                    bool of_loop = false);

}  // namespace bitale::program
