// Addresses of contractions as text: flattened indices of a group of dims, and the element offsets that belong to them.
// Extents and strides that are constants are marked (form.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/contraction.h"

namespace bitale::codegen::cuda {

using ContractionDims = std::vector<Contraction::Dim>;
using StrideOf = std::function<kernel::Extent(const Contraction::Dim&)>;

std::string text_of(const kernel::Extent& extent);
// The product of the dims' extents; "1" if there are none.
std::string extent_of(const ContractionDims& dims);
// With parentheses if it needs them as an operand of / or *.
std::string operand_text(const std::string& text);
// a + b + ..., without those that are "0".
std::string sum_of(const std::vector<std::string>& parts);
// text * by, without what does nothing.
std::string times(const std::string& text, const kernel::Extent& by);

// The offset at the flattened `index`, an operand of multiplication: "index / 64 * 784 + index % 64".
std::string offset_of(const ContractionDims& dims, const StrideOf& stride, const std::string& index);

// The one stride of the flattened index, if there is one.
std::optional<kernel::Extent> only_stride(const ContractionDims& dims, const StrideOf& stride);

// The innermost stride, and over how many indices (as far as is known) it holds. An extent that is not a constant
// counts as `unknown`.
struct Innermost {
  kernel::Extent stride;
  std::int64_t length = 1;
};
Innermost innermost(const ContractionDims& dims, const StrideOf& stride, std::int64_t unknown);

// No two of `window` consecutive indices lie further apart than this; nothing if that is not known, or more than 2^30.
std::optional<std::int64_t> reach_of(const ContractionDims& dims, const StrideOf& stride,
                                     std::int64_t window = std::int64_t{1} << 40);

// Whether runs of `width` elements that begin at multiples of `width` are contiguous, and begin at multiples of it.
bool is_wide(const ContractionDims& dims, const StrideOf& stride, int width);
bool all_multiples(const ContractionDims& dims, const StrideOf& stride, int width);

}  // namespace bitale::codegen::cuda
