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
// Names the variables of those loops.
void name_spread(const Mapping& mapping, Values& values);
// Opens the loop and declares the indices that the body mentions; of a run (runs.h), those of the first in it.
void open_spread(Lines& out, const Mapping& mapping, const Values& values, std::string_view body);

}  // namespace bitale::codegen::cuda
