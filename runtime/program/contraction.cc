// Block sizes. The accumulators of a block and both packed operands share the L2 cache, a packed panel of B stays in L1
// while all panels of A pass by. Where one block has all rows, a panel of B is not needed again: columns are then
// bounded by the accumulators and A alone. Within these bounds the cheapest cut is searched: few blocks pack less, many
// blocks share better.
#include "runtime/program/contraction.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "runtime/device/cpu.h"
#include "runtime/program/contraction_workspace.h"

namespace bitale::program {
namespace {

// Costs in multiply-adds at full speed.
constexpr double pack_cost = 16;        // of one packed element
constexpr double output_cost = 8;       // of one element of the epilogue, or of one share added to it
constexpr double block_cost = 2000;     // tables and calls of one block
constexpr double meeting_cost = 30000;  // of a barrier in the middle

constexpr std::int64_t least_share = 64;      // of k, for one thread
constexpr std::int64_t least_chunk = 64;      // of k: accumulators pass once for each
constexpr std::int64_t packed_together = 16;  // along k, at most
constexpr std::int64_t page = 4096;           // bytes
constexpr std::int64_t few_rows = 256;        // of A: with more, passes over accumulators cost more
constexpr std::int64_t most_cuts = 64;        // tried per dimension

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }
std::int64_t round_down(std::int64_t a, std::int64_t b) { return std::max(b, a / b * b); }

class Planner {
 public:
  Planner(const ContractionStep& step, const ContractionBlocking& sizes, std::span<const std::int64_t> extents,
          int threads)
      : step_(step), s_(sizes), threads_(threads), mr_(step.tile.mr), nr_(step.tile.nr) {
    if (step.k.size() == 1 && step.k[0].b >= 0 && step.b_storage == step.dtype)
      b_step_ = std::abs(extents[static_cast<std::size_t>(step.k[0].b)]) * element();
  }

  ContractionBlocking plan() {
    const auto most = all_rows();
    if (!most || near_columns() == 0) search(square());
    if (most) search(*most);
    best_.kc = chunk(ceil_div(s_.k, best_.k_split));
    return best_;
  }

 private:
  struct Block {
    std::int64_t rows, columns;
  };

  void search(const Block& largest) {
    const std::int64_t panels_m = ceil_div(s_.m, mr_), panels_n = ceil_div(s_.n, nr_);
    const std::int64_t first_m = ceil_div(panels_m * mr_, largest.rows),
                       first_n = ceil_div(panels_n * nr_, largest.columns);
    const auto last = [&](std::int64_t first, std::int64_t panels) {
      return std::min({panels, first + most_cuts - 1, first + 2 * std::int64_t{threads_}});
    };
    for (std::int64_t i = first_m; i <= last(first_m, panels_m); ++i)
      if (s_.slices == 1)
        for (std::int64_t j = first_n; j <= last(first_n, panels_n); ++j)
          consider(ceil_div(panels_m, i) * mr_, ceil_div(panels_n, j) * nr_);
      else
        consider_slices(ceil_div(panels_m, i) * mr_);
  }

  // All columns; or, where slices are whole panels, some panels of each.
  void consider_slices(std::int64_t mc) {
    consider(mc, round_up(s_.n, nr_));
    const std::int64_t width = s_.n / s_.slices, panels = width / nr_;
    if (width % nr_ != 0) return;
    for (std::int64_t j = 2; j <= std::min(panels, most_cuts); ++j) consider(mc, ceil_div(panels, j) * nr_ * s_.slices);
  }

  std::int64_t element() const { return static_cast<std::int64_t>(size_of(step_.dtype)); }

  // k in chunks of equal size, such that a panel of B takes at most three quarters of L1. A panel up to twice as large
  // is not cut: it streams from L2, which costs less than another pass over the accumulators. But rows of B that are
  // pages apart share few sets of the caches, and what is fetched of them ahead of time must find room there: chunks
  // are short where there are not rows enough to repay that.
  std::int64_t chunk(std::int64_t k) const {
    const bool is_far = b_step_ >= page && s_.m <= few_rows;
    const std::int64_t most =
        is_far ? far_chunk() : std::max(least_chunk, cpu_info().l1d_bytes * 3 / 4 / (nr_ * element()));
    if (k <= 2 * most) return std::max<std::int64_t>(k, 1);
    return round_up(ceil_div(k, ceil_div(k, most)), packed_together);
  }

  // Shorter than others where B can be read in place then.
  std::int64_t far_chunk() const {
    const std::int64_t rows = rows_in_l2(b_step_) / packed_together * packed_together;
    return reads_from_l2(step_.tile, element()) && rows > 0 ? std::min(rows, least_chunk) : least_chunk;
  }

  std::int64_t room() const { return cpu_info().l2_bytes * 3 / 4 / element(); }

  // mc * nc + kc * (mc + nc) elements fill three quarters of L2, as a square unless one side is short.
  Block square() const {
    const std::int64_t kc = chunk(s_.k);
    const std::int64_t side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(kc * kc + room()))) - kc;
    const std::int64_t m = round_up(s_.m, mr_), n = round_up(s_.n, nr_);
    const auto other = [&](std::int64_t short_side) { return (room() - kc * short_side) / (short_side + kc); };
    const std::int64_t rows = m <= side ? m : n <= side ? other(n) : side;
    const std::int64_t columns = n <= side ? n : m <= side ? other(m) : side;
    return {round_down(std::min(rows, m), mr_), round_down(std::min(columns, n), nr_)};
  }

  // How many columns of all rows have accumulators that are near the epilogue which follows, about twice L1: if k is
  // one chunk, and that is enough of them for a block. 0: it is not.
  std::int64_t near_columns() const {
    const std::int64_t columns = 2 * cpu_info().l1d_bytes / element() / round_up(s_.m, mr_);
    return chunk(s_.k) >= s_.k && columns >= 2 * nr_ ? columns : 0;
  }

  // kc * mc + mc * nc elements and two panels of B, where that leaves columns.
  std::optional<Block> all_rows() const {
    const std::int64_t kc = chunk(s_.k), rows = round_up(s_.m, mr_);
    if (rows > room() / kc) return std::nullopt;
    std::int64_t columns = (room() - kc * (rows + 2 * nr_)) / rows;
    if (columns < nr_) return std::nullopt;
    if (near_columns() > 0) columns = std::min(columns, near_columns());
    return Block{rows, round_down(std::min(columns, round_up(s_.n, nr_)), nr_)};
  }

  double time(std::int64_t mc, std::int64_t nc, double k) const {
    const double m = static_cast<double>(mc), n = static_cast<double>(nc);
    return m * n * (k + output_cost) + pack_cost * (m + n) * k + block_cost;
  }

  void consider(std::int64_t mc, std::int64_t nc) {
    const std::int64_t per_batch = ceil_div(s_.m, mc) * ceil_div(s_.n, nc);
    const double k = static_cast<double>(s_.k);
    if (step_.accumulating) {  // one thread per batch index
      take(mc, nc, 1,
           static_cast<double>(ceil_div(s_.batch, threads_)) * static_cast<double>(per_batch) * time(mc, nc, k));
      return;
    }
    const std::int64_t most = std::int64_t{1} << 40;
    const std::int64_t blocks = s_.batch > most / per_batch ? most : s_.batch * per_batch;
    take(mc, nc, 1, static_cast<double>(ceil_div(blocks, threads_)) * time(mc, nc, k));
    const std::int64_t split = std::min(threads_ / blocks, s_.k / least_share);
    if (split < 2) return;
    const double added = 2 * static_cast<double>(mc * nc) * output_cost;  // the parts come from other cores
    take(mc, nc, static_cast<int>(split), time(mc, nc, k / static_cast<double>(split)) + added + meeting_cost);
  }

  void take(std::int64_t mc, std::int64_t nc, int split, double cost) {
    if (best_cost_ >= 0 && cost >= best_cost_) return;
    best_cost_ = cost;
    best_ = s_;
    best_.mc = mc;
    best_.nc = nc;
    best_.k_split = split;
  }

  const ContractionStep& step_;
  const ContractionBlocking s_;
  const std::int64_t threads_, mr_, nr_;
  std::int64_t b_step_ = 0;  // bytes between two rows of B, if one dim is all of k and they may be read in place
  ContractionBlocking best_;
  double best_cost_ = -1;
};

}  // namespace

bool may_store_product(const ContractionStep& step, DType storage) {
  return storage == step.dtype || (storage == step.a_storage && storage == step.b_storage);
}
DType stored_product(const ContractionStep& step) { return step.whole.rounds ? step.a_storage : step.dtype; }

std::int64_t flattened(const std::vector<ContractionDim>& dims, std::span<const std::int64_t> extents) {
  constexpr std::int64_t largest = std::int64_t{1} << 62;
  std::int64_t product = 1;
  bool empty = false;
  for (const ContractionDim& d : dims) {
    const std::int64_t e = std::max<std::int64_t>(0, extents[static_cast<std::size_t>(d.extent)]);
    empty = empty || e == 0;
    if (__builtin_mul_overflow(product, e, &product) || product > largest) product = largest;
  }
  return empty ? 0 : product;
}

void Reach::extend(std::int64_t extent, std::int64_t stride) {
  if (extent <= 0) empty = true;
  std::int64_t span = 0;
  if (__builtin_mul_overflow(extent - 1, stride, &span) ||
      __builtin_add_overflow(low, std::min<std::int64_t>(span, 0), &low) ||
      __builtin_add_overflow(high, std::max<std::int64_t>(span, 0), &high))
    overflow = true;
}

ContractionWorkspace workspace_of(const ContractionStep& step, const ContractionBlocking& b) {
  const auto element = static_cast<std::int64_t>(size_of(step.dtype));
  const std::int64_t line = 64 / element;
  ContractionWorkspace w;
  w.ld = round_up(b.nc, line);
  if (w.ld * element % 1024 == 0) w.ld += line;  // rows a power of two apart would fall into few cache sets
  const auto take = [&](std::int64_t& offset, std::int64_t bytes) {
    offset = w.bytes;
    w.bytes += round_up(bytes, 64);
  };
  const auto tables = static_cast<std::int64_t>(step.operands.size()) + 1;
  take(w.acc, b.mc * w.ld * element);
  take(w.a, b.mc * b.kc * element);
  take(w.b, b.nc * b.kc * element);
  take(w.rows, tables * b.mc * 8);
  take(w.columns, tables * b.nc * 8);
  take(w.depth, 2 * b.kc * 8);
  take(w.runs, (b.nc + 1) * 8);
  return w;
}

ContractionBlocking plan_contraction(const ContractionStep& step, std::span<const std::int64_t> extents, int threads,
                                     int shares) {
  ContractionBlocking sizes;
  sizes.batch = flattened(step.batch, extents);
  sizes.m = ceil_div(flattened(step.m, extents), shares);
  sizes.n = flattened(step.n, extents);
  sizes.k = flattened(step.k, extents);
  if (step.sliced) sizes.slices = extents[static_cast<std::size_t>(step.n[0].extent)];
  ContractionBlocking plan = sizes;
  plan.mc = step.tile.mr;
  plan.nc = step.tile.nr;
  plan.kc = 1;
  if (sizes.batch > 0 && sizes.m > 0 && sizes.n > 0) plan = Planner(step, sizes, extents, threads).plan();
  plan.workspace_bytes = workspace_of(step, plan).bytes;
  return plan;
}

std::int64_t rows_in_l2(std::int64_t bytes_apart) {
  const std::int64_t apart = std::max<std::int64_t>(bytes_apart & -bytes_apart, 1);
  return cpu_info().l2_bytes * 3 / 4 / apart;
}

bool reads_from_l2(const ContractionTile& tile, std::int64_t element_bytes) { return tile.nr * element_bytes >= 128; }

}  // namespace bitale::program
