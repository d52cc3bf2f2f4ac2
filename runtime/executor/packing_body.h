// Packing for the instruction set that the including file is compiled for: see packing.h for what it computes.
//
// The lanes are packed in groups of a vector; what is left is a group of the narrowest vector that holds it. For each
// group the code looks at the offsets and takes the first way that fits:
//   segments    the lanes are one or two runs of neighbouring elements: a masked load per run (v2: one run as wide as a
//               vector, and a plain load);
//   transpose   `depth` consecutive k are neighbours: loads along k, and transposes in registers;
//   segments    of up to four runs (rows of a filter that a group spans; v3 and v4);
//   gather      element by element.
//
// Elements of 16 bits are widened as they are loaded.
//
// v4 masks stores of whole vectors. Elsewhere a group that does not fill its vector begins before what is left, and
// packs some lanes once more; rows that are narrower than a vector are written in ascending order, so that what a store
// puts behind one, the next ones overwrite, and the last rows, behind which dst may end, are gathered.
#pragma once

#include "runtime/executor/packing.h"
#include "runtime/executor/packing_simd.h"

namespace bitale::executor {
namespace {

using Index = std::int64_t;

constexpr Index least(Index a, Index b) { return a < b ? a : b; }
constexpr Index most(Index a, Index b) { return a > b ? a : b; }

// The arguments of a PackFn. S is what src has, T what dst gets.
template <class S, class T>
struct Panel {
  const S* src;
  const Index* lane_offsets;
  Index present;
  const Index* k_offsets;
  Index kc;
  T* dst;
  Index width;
};

// A group of lanes in a vector of `bytes`.
template <class S, class T, int bytes>
class Group {
 public:
  static constexpr int lanes = bytes / sizeof(T);

  Group(const Panel<S, T>& p, Index first) : src_(p.src), k_offsets_(p.k_offsets), kc_(p.kc), width_(p.width) {
    if (!masks_stores) first = most(least(first, width_ - lanes), 0);
    lane_offsets_ = p.lane_offsets + first;
    to_ = p.dst + first;
    count_ = static_cast<int>(least(width_ - first, lanes));
    present_ = static_cast<int>(most(least(p.present - first, count_), 0));
    safe_ = masks_stores || width_ >= lanes ? kc_ : most(kc_ - (lanes - 1) / width_, 0);
  }

  void pack() {
    if (count_ == 1) return gather(0, kc_);
    find_runs();
    for (Index k = runs_alone(); k < kc_;) {
      Index end = end_of_blocks(k);
      if (end > k)
        transpose(k, end);
      else
        singly(k, end = next_block(k));
      k = end;
    }
  }

 private:
  // k that are transposed together: a row of 8 pixels is one block, and stores bound the speed anyhow.
  static constexpr int block_bytes = widest < 32 ? widest : 32, depth = block_bytes / sizeof(T);
  static constexpr int piece = 16 / sizeof(T);  // lanes that a transpose stores at once
  static constexpr int max_segments = 4;
  static constexpr Index most_rows = 64;  // transposed together: the cache keeps the lines that they lie in

  T* row(Index k) const { return to_ + k * width_; }

  void find_runs() {
    // The slot behind the present run takes every lane, until one begins the next run.
    int start[lanes + 2];
    start[0] = breaks_ = 0;
    for (int j = 1; j < present_; ++j) {
      start[breaks_ + 1] = j;
      breaks_ += lane_offsets_[j] != lane_offsets_[j - 1] + 1;
    }
    for (int s = 0; s < max_segments; ++s) {
      const bool there = s <= breaks_ && present_ > 0;
      start_[s] = there ? start[s] : present_;
      base_[s] = there ? lane_offsets_[start[s]] - start[s] : 0;
    }
  }

  // Packs the rows that need no look at k: returns their number.
  Index runs_alone() const {
    if (present_ == 0 && !masks_stores) {
      zero();
      return safe_;
    }
    if (breaks_ == 0 && present_ == lanes) {
      whole();
      return kc_;
    }
    if constexpr (masks_loads_of<S>) {
      if (breaks_ <= 1 && count_ > 1) {
        breaks_ == 0 ? segments<1>(0, safe_) : segments<2>(0, safe_);
        return safe_;
      }
    }
    return 0;
  }

  // What is fetched before its time is most often the next panel's lanes: rows of a matrix are far apart, so no other
  // prefetcher sees them coming.
  void whole() const {
    const Index *offsets = k_offsets_, kc = kc_, width = width_;
    const S* base = src_ + base_[0];
    T* to = to_;
    for (Index k = 0; k < kc; ++k, to += width) {
      const S* from = base + offsets[k];
      __builtin_prefetch(from + width, 0, 2);
      store(load<Vector<T, bytes>>(from), to);
    }
  }

  void zero() const {
    T* to = to_;
    for (Index k = 0, end = safe_, width = width_; k < end; ++k, to += width) store(Vector<T, bytes>{}, to);
  }

  // Masked loads do not touch the lanes that are off, so the runs may start before the buffer.
  template <int runs>
  void segments(Index begin, Index end) const {
    using Lanes = Mask<T, bytes>;
    const auto mask = [&](int s) { return Lanes(start_[s], s + 1 < runs ? start_[s + 1] : present_); };
    const Lanes kept(0, count_), first = mask(0), second = mask(runs > 1), third = mask(runs > 2 ? 2 : 0),
                                 fourth = mask(runs > 3 ? 3 : 0);
    const Index *offsets = k_offsets_, width = width_;
    const S *from0 = src_ + base_[0], *from1 = src_ + base_[1], *from2 = src_ + base_[2], *from3 = src_ + base_[3];
    const bool fills = !masks_stores || count_ == lanes;
    T* to = row(begin);
    for (Index k = begin; k < end; ++k, to += width) {
      const Index offset = offsets[k];
      Vector<T, bytes> v = load_or(Vector<T, bytes>{}, first, from0 + offset);
      if constexpr (runs > 1) v = load_or(v, second, from1 + offset);
      if constexpr (runs > 2) v = load_or(load_or(v, third, from2 + offset), fourth, from3 + offset);
      if (fills)
        store(v, to);
      else if constexpr (masks_stores)
        store_of(kept, v, to);
    }
  }

  bool block_at(Index k) const { return k + depth <= safe_ && neighbours<depth>(k_offsets_ + k); }

  // The end of the blocks of neighbouring k that begin at k.
  Index end_of_blocks(Index k) const {
    const Index limit = k + most_rows;
    while (k < limit && block_at(k)) k += depth;
    return k;
  }

  // Where the next one begins, if none does at k.
  Index next_block(Index k) const {
    const Index *offsets = k_offsets_, kc = kc_;
    do {
      while (++k < kc && offsets[k] == offsets[k - 1] + 1) {
      }
    } while (k < kc && !(k + 1 < kc && offsets[k + 1] == offsets[k] + 1 && block_at(k)));
    return k;
  }

  // Some lanes at a time, so that what is stored at once is a piece of 128 bits: whole vectors in the other direction
  // are no faster.
  void transpose(Index begin, Index end) const {
    present_ == count_ ? transpose_rows<true>(begin, end) : transpose_rows<false>(begin, end);
  }

  template <bool all_present>
  void transpose_rows(Index begin, Index end) const {
    int lane = 0;
    for (; lane + piece <= count_; lane += piece) transpose_lanes<all_present, piece>(begin, end, lane);
    if (count_ - lane > 2 && lane > 0) return transpose_lanes<all_present, piece>(begin, end, count_ - piece);
    if (count_ - lane > 2) transpose_lanes<all_present, 2>(begin, end, 0);
    if (count_ > lane) transpose_lanes<all_present, 2>(begin, end, count_ - 2);
  }

  // Inlined it would share too few registers with its callers.
  template <bool all_present, int at_once>
  [[gnu::noinline]] void transpose_lanes(Index begin, Index end, int first) const {
    using Block = Vector<T, block_bytes>;
    const Index *offsets = k_offsets_, width = width_;
    const S* from[at_once];
#pragma GCC unroll 8
    for (int j = 0; j < at_once; ++j)
      from[j] = all_present || first + j < present_ ? src_ + lane_offsets_[first + j] : nullptr;
    T* to = row(begin) + first;
    for (Index k = begin; k < end; k += depth) {
      const Index offset = offsets[k];
      Block v[at_once];
#pragma GCC unroll 8
      for (int j = 0; j < at_once; ++j) v[j] = all_present || from[j] ? load<Block>(from[j] + offset) : Block{};
      executor::transpose(v);
#pragma GCC unroll 8
      for (int i = 0; i < depth; ++i, to += width) store_row<at_once>(v, i, to);
    }
  }

  // Row i of a transposed block.
  template <int at_once>
  static void store_row(const Vector<T, block_bytes> (&v)[at_once], int i, T* to) {
    if constexpr (at_once == piece)
      store(part(v[i % piece], i / piece), to);
    else
      store_half(part(v[i % piece / 2], i / piece), i % 2, to);
  }

  void gather(Index begin, Index end) const {
    const Index *offsets = k_offsets_, *lane_offsets = lane_offsets_, width = width_;
    const S* src = src_;
    const int present = present_, count = count_;
    T* to = row(begin);
    if (count == 1 && present == 1) {
      src += lane_offsets[0];
      for (Index k = begin; k < end; ++k, to += width) *to = element(src[offsets[k]]);
      return;
    }
    for (Index k = begin; k < end; ++k, to += width) {
      const S* from = src + offsets[k];
      int j = 0;
      for (; j + 4 <= present; j += 4)
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) to[j + i] = element(from[lane_offsets[j + i]]);
      for (; j < present; ++j) to[j] = element(from[lane_offsets[j]]);
      for (; j < count; ++j) to[j] = 0;
    }
  }

  void singly(Index begin, Index end) const {
    if (begin == end) return;
    if constexpr (masks_loads_of<S>)
      if (breaks_ < max_segments) {
        const Index last = most(least(end, safe_), begin);
        segments<max_segments>(begin, last);
        begin = last;
      }
    gather(begin, end);
  }

  const S* src_;
  const Index *lane_offsets_, *k_offsets_;
  Index kc_;
  T* to_;
  Index width_;
  int count_, present_;       // lanes of the group; those of them that are there
  Index safe_;                // rows before it have room behind them for what a store puts there
  int breaks_;                // places where a lane is not the neighbour of the one before
  int start_[max_segments];   // of the first runs: first lane,
  Index base_[max_segments];  // and offset of the element at lane 0
};

// Two vectors of neighbouring lanes of 16 bits, which share cache lines: false if the lanes are others.
template <class S, class T>
bool pack_pairs(const Panel<S, T>& p) {
  constexpr Index lanes = widest / sizeof(T);
  if (p.width != 2 * lanes || p.present != p.width) return false;
  for (Index j = 1; j < p.width; ++j)
    if (p.lane_offsets[j] != p.lane_offsets[0] + j) return false;
  const S* const base = p.src + p.lane_offsets[0];
  T* to = p.dst;
  for (Index k = 0; k < p.kc; ++k, to += p.width) {
    const S* from = base + p.k_offsets[k];
    __builtin_prefetch(from + p.width, 0, 2);  // as in Group::whole()
    store(load<Vector<T, widest>>(from), to);
    store(load<Vector<T, widest>>(from + lanes), to + lanes);
  }
  return true;
}

template <class S, class T>
void pack(const void* src, const Index* lane_offsets, Index present, const Index* k_offsets, Index kc, void* dst,
          Index width) {
  const Panel<S, T> panel{static_cast<const S*>(src), lane_offsets, present, k_offsets, kc,
                          static_cast<T*>(dst),       width};
  if constexpr (sizeof(S) == 2)
    if (pack_pairs(panel)) return;
  Index first = 0;
  for (; width - first >= Group<S, T, widest>::lanes; first += Group<S, T, widest>::lanes)
    Group<S, T, widest>(panel, first).pack();
  if (first == width) return;
  const Index left = (width - first) * static_cast<Index>(sizeof(T));
  if constexpr (widest > 32)
    if (left > 32) return Group<S, T, 64>(panel, first).pack();
  if constexpr (widest > 16)
    if (left > 16) return Group<S, T, 32>(panel, first).pack();
  Group<S, T, 16>(panel, first).pack();
}

Packing packing_here() { return {pack<float, float>, pack<double, double>, pack<Half, float>, pack<Bfloat, float>}; }

}  // namespace
}  // namespace bitale::executor
