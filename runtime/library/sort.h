// argsort and searchsorted, in plain C++.
#pragma once

#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_sort(const std::string& name);  // null for a name that is not its
double sort_work(const std::string& name, std::span<const std::int64_t> extents);

}  // namespace bitale::library
