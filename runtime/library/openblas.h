// OpenBLAS, opened at run time.
#pragma once

#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_openblas(const std::string& name);  // null for a name that is not its; Error if it cannot be opened
LibraryStatus openblas_status();

// How many threads of its own it uses for one call, in the whole process: 1, unless a measurement says otherwise.
void set_openblas_threads(int threads);

}  // namespace bitale::library
