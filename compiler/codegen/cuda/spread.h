// The loop of a function whose iterations are given to threads, or to blocks: each of them has every so many.
#pragma once

#include <string>
#include <string_view>

#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/mapping.h"
#include "compiler/codegen/cuda/values.h"

namespace bitale::codegen::cuda {

// How many there are, of all loops that are one.
std::string iterations(const Mapping& mapping);
// Opens the loop and names the variables. Of several loops that are one, `at` is the iteration.
void open_spread(Lines& out, const Mapping& mapping, Values& values);
// What follows then: the indices in those loops, as far as the body uses them.
void print_indices(Lines& out, const Mapping& mapping, const Values& values, std::string_view body);

}  // namespace bitale::codegen::cuda
