// Element offsets of flattened groups of dims.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/program/contraction.h"

namespace bitale::executor {

// Whose strides of a dim are meant: 0 is a, 1 is b, 2 + i is operand i.
inline int stride_slot(const program::ContractionDim& dim, int whose) {
  return whose == 0 ? dim.a : whose == 1 ? dim.b : dim.operands[static_cast<std::size_t>(whose) - 2];
}

// out[i] = offset of the flattened index first + i, for i < count. Divides once, then carries.
void fill_offsets(const std::vector<program::ContractionDim>& dims, std::span<const std::int64_t> extents, int whose,
                  std::int64_t first, std::int64_t count, std::int64_t* out);

// The flattened indices fall into aligned runs of this length along which an offset advances by `step` (0 or 1).
std::int64_t run_length(const std::vector<program::ContractionDim>& dims, std::span<const std::int64_t> extents,
                        int whose, std::int64_t step);

}  // namespace bitale::executor
