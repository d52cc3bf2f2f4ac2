#include "compiler/codegen/cuda/tile.h"

#include <algorithm>
#include <span>

#include "runtime/base/error.h"

namespace bitale::codegen::cuda {
namespace {

using Dim = Contraction::Dim;

// The share of the instructions along k that multiply and add decides between tiles that pad the output equally: about
// what `bitale bench gpu --sass` counts in code for sm_90; of doubles it was not counted.
struct Candidate {
  Tile tile;
  double share;
};

constexpr Candidate single_tiles[] = {
    {{128, 128, 16, 256, 8, 8}, 0.84}, {{64, 128, 16, 128, 8, 8}, 0.84}, {{128, 64, 16, 128, 8, 8}, 0.84},
    {{64, 64, 16, 64, 8, 8}, 0.84},    {{32, 128, 16, 128, 4, 8}, 0.68}, {{128, 32, 16, 128, 8, 4}, 0.68},
    {{32, 64, 16, 64, 4, 8}, 0.74},    {{64, 32, 16, 64, 8, 4}, 0.74},   {{32, 32, 16, 64, 4, 4}, 0.70},
    {{16, 128, 16, 64, 4, 8}, 0.70},   {{128, 16, 16, 64, 8, 4}, 0.70},  {{16, 64, 16, 64, 4, 4}, 0.70},
    {{64, 16, 16, 64, 4, 4}, 0.70}};
constexpr Candidate double_tiles[] = {{{64, 64, 16, 128, 8, 4}, 0.70}, {{32, 64, 16, 128, 4, 4}, 0.60},
                                      {{64, 32, 16, 128, 4, 4}, 0.60}, {{32, 32, 16, 64, 4, 4}, 0.60},
                                      {{16, 64, 16, 64, 4, 4}, 0.60},  {{64, 16, 16, 64, 4, 4}, 0.60}};

// Of a GPU like the H100, in multiply-adds of one multiprocessor: they decide between tiles, never about results.
constexpr double processors = 132;
constexpr double depth_of_ends = 24;       // of k: what the beginning and the end of a tile cost
constexpr double warps_to_be_busy = 8;     // of a multiprocessor
constexpr std::int64_t unknown = 64;       // stands for an extent that only the call knows: often a batch
constexpr std::int64_t largest = 1 << 30;  // of one group, for the arithmetic below

double ceil_div(double a, double b) { return static_cast<double>(static_cast<std::int64_t>((a + b - 1) / b)); }

std::int64_t assumed(const std::vector<Dim>& dims) {
  std::int64_t product = 1;
  for (const Dim& d : dims) product = std::min(largest, product * (d.extent.is_constant() ? d.extent.value : unknown));
  return std::max<std::int64_t>(product, 1);
}

double time_of(const Candidate& c, const Contraction& contraction) {
  const Tile& t = c.tile;
  const auto m = static_cast<double>(assumed(contraction.m)), n = static_cast<double>(assumed(contraction.n)),
             k = static_cast<double>(assumed(contraction.k)), batch = static_cast<double>(assumed(contraction.batch));
  const double tiles = ceil_div(m, t.rows) * ceil_div(n, t.columns) * batch;
  const double parts = std::clamp(static_cast<double>(static_cast<std::int64_t>(std::min(
                                      enough_blocks / tiles, k / static_cast<double>(least_depth(contraction))))),
                                  1.0, static_cast<double>(most_parts));
  const double depth = ceil_div(ceil_div(k, parts), t.depth) * t.depth + depth_of_ends;
  const double share_of_one = ceil_div(tiles * parts, processors);  // blocks of the busiest multiprocessor
  const double warps = std::min(share_of_one, static_cast<double>(resident_threads / t.threads)) * t.threads / 32;
  return share_of_one * t.rows * t.columns * depth / c.share * std::max(1.0, warps_to_be_busy / warps);
}

std::int64_t known(const std::vector<Dim>& dims) {
  std::int64_t product = 1;
  for (const Dim& d : dims) {
    if (!d.extent.is_constant()) return -1;
    if (__builtin_mul_overflow(product, d.extent.value, &product)) return -1;
  }
  return product;
}

// How many indices there are, unless there are none: an extent that is not known is 1 or more.
std::int64_t at_least(const std::vector<Dim>& dims) {
  std::int64_t product = 1;
  for (const Dim& d : dims)
    if (d.extent.is_constant()) product = std::min(largest, product * std::min(d.extent.value, largest));
  return product;
}

// Whether a tile's columns are the same ones of all slices.
bool suits(const Contraction& c, const Tile& tile) {
  if (c.slices == 1) return true;
  return tile.columns % c.slices == 0 && c.n[1].extent.value % (tile.columns / c.slices) == 0;
}

std::span<const Candidate> candidates(DType dtype) {
  if (dtype == DType::f32) return single_tiles;
  return double_tiles;
}

}  // namespace

std::vector<Tile> tiles_of(DType dtype) {
  std::vector<Tile> tiles;
  for (const Candidate& c : candidates(dtype)) tiles.push_back(c.tile);
  return tiles;
}

Sizes sizes_of(const Contraction& c) { return {known(c.batch), known(c.m), known(c.n), known(c.k)}; }

Tile choose_tile(const Contraction& c) {
  BITALE_ASSERT(c.dtype == DType::f32 || c.dtype == DType::f64, "a contraction of floats");
  if (c.tile) return *c.tile;
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates(c.dtype))
    if (suits(c, candidate.tile) && (!best || time_of(candidate, c) < time_of(*best, c))) best = &candidate;
  BITALE_ASSERT(best, "a tile that holds all slices");
  return best->tile;
}

int least_depth(const Contraction& c) { return c.in_loop ? 256 : 64; }

std::optional<ExpectedTile> choose_tile(const Contraction& c, int threads) {
  std::optional<ExpectedTile> best;
  for (const Candidate& candidate : candidates(c.dtype)) {
    if (candidate.tile.threads != threads || !suits(c, candidate.tile)) continue;
    const double time = time_of(candidate, c);
    if (!best || time < best->time) best = {candidate.tile, time};
  }
  return best;
}

bool may_split(const Contraction& c, const Tile& tile) {
  const Sizes s = sizes_of(c);
  if (s.k >= 0 && s.k < 2 * least_depth(c)) return false;
  std::int64_t tiles = at_least(c.batch);
  tiles *= (at_least(c.m) + tile.rows - 1) / tile.rows;
  if (tiles <= largest) tiles *= (at_least(c.n) + tile.columns - 1) / tile.columns;
  return 2 * tiles <= enough_blocks;
}

}  // namespace bitale::codegen::cuda
