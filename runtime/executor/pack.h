// The packed form of a whole operand of a contraction, and when the driver packs at all.
//
// Layout of a whole pack: for every batch index that the operand depends on, for every chunk of k, for every panel of
// lanes (rows of A, columns of B): depth x width elements, as the micro-kernel reads them. These are the panels that
// the driver packs itself where it has no whole pack, bit for bit: blocks are cut at multiples of a panel.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/executor/packing.h"
#include "runtime/program/contraction.h"

namespace bitale::executor {

enum class Side : std::uint8_t { a = 0, b = 1 };

struct WholePack {
  std::int64_t batches = 0, lanes = 0, depth = 0;  // extents that the operand has
  std::int64_t width = 0, panels = 0;              // of a panel; how many there are
  std::int64_t chunk = 0;                          // of k, at most: kc of the blocking
  int split = 1;                                   // parts of k, each cut into chunks of its own
  std::int64_t bytes = 0;                          // a multiple of 64

  // Element offset of a panel of the chunk that begins at k and is `depth_here` deep.
  std::int64_t offset(std::int64_t batch, std::int64_t k, std::int64_t depth_here, std::int64_t panel) const {
    return ((batch * depth + k) * panels + panel * depth_here) * width;
  }
};

// The whole pack of one operand, if it is worth its memory: nothing where the driver would read all of the operand in
// place, where the contraction reads elements several times (an implicit im2col), and where panels are so much wider
// than the operand that packing a chunk at a time takes less from memory. `split`: threads that share a block as the
// step is run; `elements`: of the operand's buffer. `often`: the pack will be read many times, so that it is worth its
// memory even where the driver would read in place, from rows that lie far apart.
std::optional<WholePack> whole_pack(const program::ContractionStep& step, Side side,
                                    std::span<const std::int64_t> extents, const program::ContractionBlocking& blocking,
                                    int split, std::int64_t elements, bool often = false);

// Packs a whole operand from its buffer into `out`.
class PackJob {
 public:
  PackJob(const WholePack& pack, const program::ContractionStep& step, Side side, std::span<const std::int64_t> extents,
          const void* buffer, const Packing& packing, void* out);
  void run(int thread, int threads) const noexcept;  // a thread's share of the panels

 private:
  WholePack pack_;
  std::int64_t element_ = 0, stored_ = 0;  // bytes, packed and in the buffer
  const std::uint8_t* from_ = nullptr;
  PackFn function_ = nullptr;
  std::uint8_t* out_ = nullptr;
  std::vector<std::int64_t> batches_, lanes_, depth_;  // element offsets
};

inline DType storage_of(const program::ContractionStep& step, Side side) {
  return side == Side::a ? step.a_storage : step.b_storage;
}

// The number of the batch index among those that the operand depends on.
std::int64_t packed_batch(const program::ContractionStep& step, Side side, std::span<const std::int64_t> extents,
                          std::int64_t batch);

// Whether a block of so many rows reads B where it lies: it is stored as it is multiplied, its lanes are neighbours, k
// goes on by one stride, and the rows are too few to repay a copy. Offsets in elements from `base`.
bool reads_in_place(const program::ContractionStep& step, std::int64_t rows, std::uintptr_t base,
                    std::span<const std::int64_t> columns, std::span<const std::int64_t> depth);

}  // namespace bitale::executor
