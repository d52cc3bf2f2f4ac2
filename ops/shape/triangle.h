// Where the elements of a matrix lie relative to a diagonal.
#pragma once

#include "ops/api/shape.h"

namespace bitale::ops {

// Bools [rows, columns]: true on the diagonal that is moved to the right by `offset`; and on it or below it.
Tensor diagonal_mask(const Dim& rows, const Dim& columns, std::int64_t offset, SourceLine line);
Tensor lower_mask(const Dim& rows, const Dim& columns, std::int64_t offset, SourceLine line);

}  // namespace bitale::ops
