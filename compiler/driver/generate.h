// Machine code for a lowered program: tiles and leaves are chosen, pieces of code come from the cache or the generator,
// and are joined.
#pragma once

#include "compiler/driver/kernel_cache.h"
#include "compiler/driver/report.h"
#include "compiler/lower/lower.h"
#include "runtime/device/cpu.h"

namespace bitale::driver {

// Afterwards the program has the entries of its leaves behind those of its kernels, and its code. The generator is
// opened only if a piece is not in the cache. Under flag dump nothing is looked up, since what is in the cache has no
// listing.
void generate(lower::Lowered& lowered, Isa isa, bool quick, const KernelCache& cache, CompileReport& report);

}  // namespace bitale::driver
