// Library calls by name, behind one table: what a LibraryStep runs. Libraries are opened at first use.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/program/abi.h"

namespace bitale::library {

struct Arguments {
  std::span<void* const> buffers;
  std::span<const std::int64_t> extents;   // in the order of the step's list
  std::span<const std::int64_t> integers;
  std::span<const double> reals;
};

// Runs on thread 0 alone. Returns 0 or an ErrorCode.
using LibraryFn = int (*)(Context* context, const Arguments& arguments);

// Error if the name is unknown or its library cannot be opened (the message says what was searched).
LibraryFn find(const std::string& name);

struct LibraryStatus {
  std::string name, version, detail;
  bool available = false;
};
std::vector<LibraryStatus> status();  // for `bitale doctor`

}  // namespace bitale::library
