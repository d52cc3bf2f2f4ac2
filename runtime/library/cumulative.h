// Recurrences along an axis, in plain C++: each element needs the one before it, which no kernel loop expresses.
#pragma once

#include "runtime/library/library.h"

namespace bitale::library {

// What `cumulative` combines with.
enum class Cumulative : std::uint8_t { sum, prod, max, min };

LibraryFn find_cumulative(const std::string& name);  // null for a name that is not its

}  // namespace bitale::library
