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

// scatter_add: out = x, then out[o, indices[k], i] += updates[o, k, i] for k = 0, 1... in this order, so that results do not depend
// on how the work is split (by destination). Buffers x [outer, rows, inner], int64 indices [count], updates [outer, count, inner],
// out [outer, rows, inner], which may be x; extents outer, rows, inner, count; integers: the DType of x. An index in [-rows, 0)
// counts from the end; one outside [-rows, rows) is the data error index_out_of_range and adds nothing.

struct LibraryStatus {
  std::string name, version, detail;
  bool available = false;
};
std::vector<LibraryStatus> status();  // for `bitale doctor`

}  // namespace bitale::library
