// OpenBLAS, opened at run time.
#pragma once

#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_openblas(const std::string& name);  // null for a name that is not its; Error if it cannot be opened
LibraryStatus openblas_status();

}  // namespace bitale::library
