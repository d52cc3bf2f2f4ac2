// How a contraction is cut into tiles: chosen when its text is printed, from the extents that are constants.
#pragma once

#include <cstdint>
#include <optional>

#include "compiler/codegen/cuda/contraction.h"

namespace bitale::codegen::cuda {

// The extents of the flattened groups as far as they are known: -1 is one that is not.
struct Sizes {
  std::int64_t batch = 0, m = 0, n = 0, k = 0;
};
Sizes sizes_of(const Contraction& contraction);

// The tile that is expected to take the least time.
Tile choose_tile(const Contraction& contraction);

// Of the tiles that have so many threads: nothing if there are none.
struct ExpectedTile {
  Tile tile;
  double time = 0;  // to compare with that of other contractions' tiles
};
std::optional<ExpectedTile> choose_tile(const Contraction& contraction, int threads);

// Where the output has fewer tiles than fill a GPU, k is cut into parts: as many as make no more than `enough_blocks`
// of all tiles, none shorter than least_depth(). Parts of one tile meet in memory in groups, in order.
inline constexpr int resident_threads = 512;  // of a multiprocessor, with 128 registers each
inline constexpr int enough_blocks = 264;
int least_depth(const Contraction& contraction);
inline constexpr int group_of_parts = 16;
inline constexpr int most_parts = group_of_parts * group_of_parts;
bool may_split(const Contraction& contraction, const Tile& tile);

}  // namespace bitale::codegen::cuda
