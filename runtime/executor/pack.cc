#include "runtime/executor/pack.h"

#include <algorithm>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/device/cpu.h"
#include "runtime/executor/offsets.h"
#include "runtime/program/contraction_workspace.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

std::int64_t element_of(const ContractionStep& s) { return static_cast<std::int64_t>(size_of(s.dtype)); }

std::int64_t value(std::span<const std::int64_t> extents, int slot) { return slot < 0 ? 0 : extents[at(slot)]; }

bool uniform(std::span<const std::int64_t> offsets, std::int64_t step) {
  for (std::size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] - offsets[i - 1] != step) return false;
  return true;
}

bool depends(const ContractionDim& d, Side side, std::span<const std::int64_t> extents) {
  return extents[at(d.extent)] != 1 && value(extents, side == Side::a ? d.a : d.b) != 0;
}

std::int64_t constant_offset(const ContractionStep& s, Side side, std::span<const std::int64_t> extents) {
  return value(extents, side == Side::a ? s.a_offset : s.b_offset);
}

// Element offsets of the batch indices that the operand depends on.
std::vector<std::int64_t> batch_offsets(const ContractionStep& s, Side side, std::span<const std::int64_t> extents) {
  std::vector<ContractionDim> dims;
  for (const ContractionDim& d : s.batch)
    if (depends(d, side, extents)) dims.push_back(d);
  std::vector<std::int64_t> out(at(flattened(dims, extents)));
  fill_offsets(dims, extents, static_cast<int>(side), 0, static_cast<std::int64_t>(out.size()), out.data());
  return out;
}

// As the driver cuts k.
template <class F>
void for_each_chunk(const WholePack& pack, F f) {
  for (int part = 0; part < pack.split; ++part)
    for (std::int64_t k = pack.depth * part / pack.split, last = pack.depth * (part + 1) / pack.split; k < last;
         k += pack.chunk)
      f(k, std::min(pack.chunk, last - k));
}

// Whether the driver packs something of B in the blocks of the most rows.
bool packs_b(const ContractionStep& s, std::span<const std::int64_t> extents, const ContractionBlocking& blocking,
             const WholePack& pack) {
  if (pack.lanes % pack.width != 0) return true;
  const std::vector<std::int64_t> batches = batch_offsets(s, Side::b, extents);
  std::vector<std::int64_t> columns(at(pack.lanes)), depth(at(pack.depth));
  fill_offsets(s.n, extents, 1, 0, pack.lanes, columns.data());
  fill_offsets(s.k, extents, 1, 0, pack.depth, depth.data());
  bool packs = false;
  for_each_chunk(pack, [&](std::int64_t k, std::int64_t depth_here) {
    for (std::int64_t n = 0; n < pack.lanes && !packs; n += blocking.nc)
      for (std::size_t b = 0; b < batches.size() && !packs; ++b) {
        // Memory of arrays starts at a cache line.
        const std::int64_t base = (constant_offset(s, Side::b, extents) + batches[b]) * element_of(s);
        packs = !reads_in_place(s, std::min(blocking.mc, blocking.m), static_cast<std::uintptr_t>(base),
                                std::span(columns).subspan(at(n), at(std::min(blocking.nc, pack.lanes - n))),
                                std::span(depth).subspan(at(k), at(depth_here)));
      }
  });
  return packs;
}

}  // namespace

bool reads_in_place(const ContractionStep& step, std::int64_t rows, std::uintptr_t base,
                    std::span<const std::int64_t> columns, std::span<const std::int64_t> depth) {
  const std::int64_t mr = step.tile.mr, nr = step.tile.nr, element = element_of(step);
  const std::int64_t stride = depth.size() > 1 ? depth[1] - depth[0] : nr, row = stride * element;
  // More rows repay a copy. They do so later where a row is two cache lines, which L2 delivers as fast as a tile of
  // AVX-512 takes them; and sooner where rows of B lie on other pages but in the same cache sets, or where vectors
  // straddle cache lines.
  const auto most_rows = [&] {
    const std::uintptr_t start = base + static_cast<std::uintptr_t>((columns[0] + depth[0]) * element);
    if (nr * element % 64 == 0 && (start % 64 != 0 || row % 64 != 0)) return row % 4096 == 0 ? mr : 2 * mr;
    if (program::reads_from_l2(step.tile, element) && std::ssize(depth) <= program::rows_in_l2(row))
      return std::max<std::int64_t>(256, mr);
    return row % 4096 == 0 ? mr : std::max<std::int64_t>(64, mr);
  };
  return step.b_storage == step.dtype && rows <= most_rows() && uniform(columns, 1) && uniform(depth, stride);
}

std::int64_t packed_batch(const ContractionStep& step, Side side, std::span<const std::int64_t> extents,
                          std::int64_t batch) {
  std::int64_t number = 0, place = 1;
  for (std::size_t d = step.batch.size(); d-- > 0;) {
    const std::int64_t extent = extents[at(step.batch[d].extent)], index = batch % extent;
    batch /= extent;
    if (!depends(step.batch[d], side, extents)) continue;
    number += index * place;
    place *= extent;
  }
  return number;
}

std::optional<WholePack> whole_pack(const ContractionStep& step, Side side, std::span<const std::int64_t> extents,
                                    const ContractionBlocking& blocking, int split, std::int64_t elements, bool often) {
  if (blocking.batch == 0 || blocking.m == 0 || blocking.n == 0 || blocking.k == 0) return std::nullopt;
  WholePack pack;
  pack.batches = 1;
  for (const ContractionDim& d : step.batch)
    if (depends(d, side, extents)) pack.batches *= extents[at(d.extent)];
  pack.lanes = side == Side::a ? blocking.m : blocking.n;
  pack.depth = blocking.k;
  if (pack.lanes > elements / pack.depth || pack.batches > elements / (pack.lanes * pack.depth)) return std::nullopt;
  pack.width = side == Side::a ? step.tile.mr : step.tile.nr;
  pack.panels = ceil_div(pack.lanes, pack.width);
  pack.chunk = blocking.kc;
  pack.split = split;
  const std::int64_t bytes = pack.batches * pack.depth * pack.panels * pack.width * element_of(step);
  pack.bytes = ceil_div(bytes, 64) * 64;
  const bool padded = pack.panels * pack.width > 2 * pack.lanes && bytes > cpu_info().l2_bytes / 4;
  if (padded || (!often && side == Side::b && !packs_b(step, extents, blocking, pack))) return std::nullopt;
  return pack;
}

PackJob::PackJob(const WholePack& pack, const ContractionStep& step, Side side, std::span<const std::int64_t> extents,
                 const void* buffer, const Packing& packing, void* out)
    : pack_(pack),
      element_(element_of(step)),
      stored_(static_cast<std::int64_t>(size_of(storage_of(step, side)))),
      from_(static_cast<const std::uint8_t*>(buffer) + constant_offset(step, side, extents) * stored_),
      function_(packing.of(storage_of(step, side))),
      out_(static_cast<std::uint8_t*>(out)),
      batches_(batch_offsets(step, side, extents)),
      lanes_(at(pack.lanes)),
      depth_(at(pack.depth)) {
  fill_offsets(side == Side::a ? step.m : step.n, extents, static_cast<int>(side), 0, pack.lanes, lanes_.data());
  fill_offsets(step.k, extents, static_cast<int>(side), 0, pack.depth, depth_.data());
}

void PackJob::run(int thread, int threads) const noexcept {
  const std::int64_t first = pack_.panels * thread / threads, last = pack_.panels * (thread + 1) / threads;
  for_each_chunk(pack_, [&](std::int64_t k, std::int64_t depth) {
    for (std::int64_t batch = 0; batch < pack_.batches; ++batch)
      for (std::int64_t panel = first; panel < last; ++panel) {
        const std::int64_t lane = panel * pack_.width;
        function_(from_ + batches_[at(batch)] * stored_, lanes_.data() + lane,
                  std::min(pack_.width, pack_.lanes - lane), depth_.data() + k, depth,
                  out_ + pack_.offset(batch, k, depth, panel) * element_, pack_.width);
      }
  });
}

}  // namespace bitale::executor
