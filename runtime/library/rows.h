// Indices of an axis, checked: the one place that decides which row an index means.
#pragma once

#include <cstdint>

#include "runtime/library/library.h"

namespace bitale::library {

// The row that an index of `rows` rows means, counted from the start; -1 if it is outside [-rows, rows).
inline std::int64_t row_of(std::int64_t index, std::int64_t rows) {
  const std::int64_t row = index < 0 ? index + rows : index;
  return row >= 0 && row < rows ? row : -1;
}

// Leaves the data error index_out_of_range in the context; returns it.
int index_out_of_range(Context* context, std::int64_t index, std::int64_t rows);

LibraryFn find_rows(const std::string& name);  // null for a name that is not its

}  // namespace bitale::library
