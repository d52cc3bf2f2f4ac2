// scatter_add, scatter_set, scatter_max and scatter_min, in plain C++.
#pragma once

#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_scatter(const std::string& name);  // null for a name that is not its
double scatter_work(std::span<const std::int64_t> extents);

}  // namespace bitale::library
