#pragma once

#include <span>
#include <string>

#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_fill(const std::string& name);  // null if the call is not made here
double fill_work(std::span<const std::int64_t> extents);

}  // namespace bitale::library
