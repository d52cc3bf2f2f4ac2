// What a contraction keeps in a thread's workspace.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/program/contraction.h"

namespace bitale::program {

// Bounds that let the driver do without allocation; the verifier enforces them.
inline constexpr int most_contraction_dims = 16;  // of one group
inline constexpr int most_contraction_operands = 24;

// Byte offsets, each a multiple of 64.
struct ContractionWorkspace {
  std::int64_t ld = 0;        // elements between two rows of the accumulators
  std::int64_t acc = 0;       // mc x ld elements
  std::int64_t a = 0, b = 0;  // packed: mc x kc and nc x kc elements
  std::int64_t rows = 0;      // int64, mc each: a, then every operand
  std::int64_t columns = 0;   // int64, nc each: b, then every operand's, by run
  std::int64_t depth = 0;     // int64, kc each: a, b
  std::int64_t runs = 0;      // int64, nc + 1
  std::int64_t bytes = 0;
};
ContractionWorkspace workspace_of(const ContractionStep& step, const ContractionBlocking& blocking);

// The product of the dims' extents; a negative extent counts as 0, and what 64 bits cannot hold as 2^62.
std::int64_t flattened(const std::vector<ContractionDim>& dims, std::span<const std::int64_t> extents);

// The least and the greatest element offset that the dims reach with these strides; false if they reach none.
struct Reach {
  std::int64_t low = 0, high = 0;
  bool empty = false, overflow = false;
  void extend(std::int64_t extent, std::int64_t stride);
};

}  // namespace bitale::program
