// IDX, the format of MNIST's own files: two zero bytes, the element type, the rank, the extents as big-endian 32-bit
// numbers, the elements.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitale::models {

struct Idx {
  std::vector<std::uint32_t> extents;
  std::string_view bytes;  // the elements, row by row; part of the text that was parsed
};

// An IDX array of unsigned bytes with `rank` extents. `name` is the file's name in messages. Error if the type or the
// rank is another one, or if the elements are not exactly as many as the extents say.
Idx parse_idx(std::string_view text, std::size_t rank, const std::string& name);

}  // namespace bitale::models
