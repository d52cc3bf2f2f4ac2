// scatter_add, in plain C++.
#pragma once

#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_scatter(const std::string& name);  // null for a name that is not its

}  // namespace bitale::library
