#include "runtime/executor/contraction.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/dtype.h"
#include "runtime/executor/offsets.h"
#include "runtime/program/contraction_workspace.h"
#include "runtime/program/rows.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

// Below this depth the epilogue's memory traffic matters: it follows tile by tile.
constexpr std::int64_t shallow = 384;
// Bytes of accumulators between the micro-kernels and the epilogue of the same rows.
constexpr std::int64_t l1_share = 24 << 10;
// An operand of so much stays in the caches that it was last read into: nobody has to fetch it.
constexpr std::int64_t near_bytes = 256 << 10;

// One thread's work on one contraction. A block is rows x columns of the output of one batch index.
class Driver {
 public:
  Driver(const ContractionCall& c, int thread, int threads)
      : c_(c),
        s_(c.step),
        thread_(thread),
        threads_(threads),
        element_(static_cast<std::int64_t>(size_of(s_.dtype))),
        a_element_(static_cast<std::int64_t>(size_of(s_.a_storage))),
        b_element_(static_cast<std::int64_t>(size_of(s_.b_storage))),
        mr_(s_.tile.mr),
        nr_(s_.tile.nr),
        mc_(c.blocking.mc),
        nc_(c.blocking.nc),
        kc_(c.blocking.kc),
        slices_(c.blocking.slices),
        w_(workspace_of(s_, c.blocking)),
        workspace_(static_cast<std::uint8_t*>(c.tables.pointer(c.layout, s_.workspace))),
        micro_(entry<MicroKernelFn>(s_.tile.micro)),
        pack_a_(c.functions.packing.of(s_.a_storage)),
        pack_b_(c.functions.packing.of(s_.b_storage)),
        kept_a_(c.kept_a),
        kept_b_(c.kept_b),
        epilogue_(entry<KernelFn>(s_.epilogue)) {
    batches_ = flattened(s_.batch, c.extents);
    m_ = flattened(s_.m, c.extents);
    n_ = flattened(s_.n, c.extents);
    k_ = flattened(s_.k, c.extents);
    width_ = n_ / std::max<std::int64_t>(slices_, 1);
    across_ = nc_ < n_ ? nc_ / slices_ : width_;
    run_ = std::max<std::int64_t>(width_, 1);
    for (int o = 0; o < operands(); ++o)
      run_ = std::min(run_, run_length(s_.n, c_.extents, 2 + o, s_.operands[at(o)].unit));
    if (c.rows >= 0) take_rows(c.extents[at(c.rows)]);
    blocks_m_ = ceil_div(m_, mc_);
    blocks_n_ = ceil_div(n_, nc_);
    // The operand that would be packed again for every block of the other is the cheaper one to repeat.
    m_inside_ = n_ + m_ * blocks_n_ <= m_ + n_ * blocks_m_;
    is_far_ = slices_ == 1 && batches_ * n_ * k_ * element_ > near_bytes &&
              (kept_b_.data || (s_.b_storage == s_.dtype && run_length(s_.n, c_.extents, 1, 1) >= nr_));
  }

  int run() {
    if (batches_ == 0 || m_ == 0 || n_ == 0) return 0;
    const std::int64_t per_batch = blocks_m_ * blocks_n_;
    if (c_.blocking.k_split > 1 && threads_ > 1) return run_split(batches_ * per_batch);
    const std::int64_t pieces = s_.accumulating ? batches_ : batches_ * per_batch,
                       of_piece = s_.accumulating ? per_batch : 1;
    const std::int64_t end = pieces * (thread_ + 1) / threads_ * of_piece;
    for (std::int64_t i = pieces * thread_ / threads_ * of_piece; i < end && code_ == 0; ++i) {
      enter(i);
      following_ = i + 1 < end ? i + 1 : -1;
      multiply(0, k_, true);
    }
    return code_;
  }

 private:
  // This thread computes some rows alone.
  void take_rows(std::int64_t rows) {
    const Range mine = rows_of_thread(rows, thread_, threads_);
    const std::int64_t inside = rows > 0 ? m_ / rows : 0;
    first_ = mine.begin * inside;
    m_ = (mine.end - mine.begin) * inside;
    thread_ = 0;
    threads_ = 1;
  }

  template <class F>
  F entry(int number) const {
    return reinterpret_cast<F>(const_cast<void*>(c_.functions.entries[at(number)]));
  }
  std::int64_t* table(std::int64_t offset, std::int64_t length, int number) const {
    return reinterpret_cast<std::int64_t*>(workspace_ + offset) + length * number;
  }
  std::uint8_t* acc(std::int64_t row, std::int64_t column) const {
    return workspace_ + w_.acc + (row * w_.ld + column) * element_;
  }
  std::uint8_t* workspace_a(std::int64_t panel, std::int64_t depth) const {
    return workspace_ + w_.a + panel * mr_ * depth * element_;
  }
  std::uint8_t* workspace_b(std::int64_t panel, std::int64_t depth) const {
    return workspace_ + w_.b + panel * nr_ * depth * element_;
  }
  // The packed panels of the present block and chunk: of the whole packs, or made in the workspace.
  const std::uint8_t* packed_a(std::int64_t panel, std::int64_t depth) const {
    return kept_a_.data ? whole(kept_a_, kept_batch_[0], m0_ / mr_ + panel, depth) : workspace_a(panel, depth);
  }
  const std::uint8_t* packed_b(std::int64_t panel, std::int64_t depth) const {
    return kept_b_.data ? whole(kept_b_, kept_batch_[1], whole_panel(panel), depth) : workspace_b(panel, depth);
  }
  // Among the panels of all columns: a block that has a part of each slice has some panels of each.
  std::int64_t whole_panel(std::int64_t panel) const {
    if (slices_ == 1 || each_ == width_) return n0_ / nr_ + panel;
    const std::int64_t panels = each_ / nr_;
    return panel / panels * (width_ / nr_) + n0_ / nr_ + panel % panels;
  }
  const std::uint8_t* whole(const KeptOperand& kept, std::int64_t batch, std::int64_t panel, std::int64_t depth) const {
    return static_cast<const std::uint8_t*>(kept.data) + kept.shape->offset(batch, k0_, depth, panel) * element_;
  }

  const std::uint8_t* source(int buffer, int offset_slot, std::int64_t batch_offset, std::int64_t element) const {
    const std::int64_t offset = (offset_slot < 0 ? 0 : c_.extents[at(offset_slot)]) + batch_offset;
    return static_cast<const std::uint8_t*>(c_.tables.pointer(c_.layout, buffer)) + offset * element;
  }

  // Groups of k_split threads share one block: each sums its part of k, then each adds up all parts for its part of the
  // rows, in the order of the threads.
  int run_split(std::int64_t blocks) {
    const int split = c_.blocking.k_split, groups = threads_ / split, group = thread_ / split, part = thread_ % split;
    for (std::int64_t round = 0; round < ceil_div(blocks, groups); ++round) {
      const std::int64_t block = round * groups + group;
      const bool busy = group < groups && block < blocks;
      if (round > 0) c_.barrier.wait(threads_);
      if (busy) {
        enter(block);
        multiply(k_ * part / split, k_ * (part + 1) / split, false);
      }
      c_.barrier.wait(threads_);
      if (!busy || code_ != 0) continue;
      const std::int64_t first = rows_ * part / split, last = rows_ * (part + 1) / split;
      add_parts(first, last, part, split);
      finish(first, last);
    }
    return code_;
  }

  void add_parts(std::int64_t first, std::int64_t last, int part, int split) const {
    dispatch(s_.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>)
        for (std::int64_t r = first; r < last; ++r) {
          T* mine = reinterpret_cast<T*>(acc(r, 0));
          const auto of = [&](int p) {
            return reinterpret_cast<const T*>(acc(r, 0) + (p - part) * c_.workspace_bytes);
          };
          for (std::int64_t j = 0; j < columns_; ++j) {
            T sum = of(0)[j];
            for (int p = 1; p < split; ++p) sum += of(p)[j];
            mine[j] = sum;
          }
        }
    });
  }

  struct Place {
    std::int64_t batch, i, j;  // of a block: its batch index, and its number along m and n
  };
  Place place_of(std::int64_t number) const {
    const std::int64_t per_batch = blocks_m_ * blocks_n_, inside = m_inside_ ? blocks_m_ : blocks_n_;
    const std::int64_t in_batch = number % per_batch, fast = in_batch % inside, slow = in_batch / inside;
    return {number / per_batch, m_inside_ ? fast : slow, m_inside_ ? slow : fast};
  }

  // Makes block `number` the present one. Tables are refilled only where they change.
  void enter(std::int64_t number) {
    const auto [batch, i, j] = place_of(number);
    if (batch != batch_) enter_batch(batch);
    if (i * mc_ != m0_) {
      m0_ = i * mc_;
      rows_ = std::min(mc_, m_ - m0_);
      if (!kept_a_.data) fill_offsets(s_.m, c_.extents, 0, first_ + m0_, rows_, table(w_.rows, mc_, 0));
      for (int o = 0; o < operands(); ++o)
        fill_offsets(s_.m, c_.extents, 2 + o, first_ + m0_, rows_, table(w_.rows, mc_, 1 + o));
    }
    if (j * across_ != n0_) {
      n0_ = j * across_;
      each_ = std::min(across_, width_ - n0_);
      columns_ = slices_ * each_;
      for (std::int64_t slice = 0; slice < slices_ && !kept_b_.data; ++slice)
        fill_offsets(s_.n, c_.extents, 1, slice * width_ + n0_, each_, table(w_.columns, nc_, 0) + slice * each_);
      find_runs();
    }
  }

  int operands() const { return static_cast<int>(s_.operands.size()); }

  void enter_batch(std::int64_t batch) {
    batch_ = batch;
    const auto offset = [&](int whose) {
      std::int64_t value = 0;
      fill_offsets(s_.batch, c_.extents, whose, batch, 1, &value);
      return value;
    };
    a_ = source(s_.a, s_.a_offset, offset(0), a_element_);
    b_ = source(s_.b, s_.b_offset, offset(1), b_element_);
    if (kept_a_.data) kept_batch_[0] = packed_batch(s_, Side::a, c_.extents, batch);
    if (kept_b_.data) kept_batch_[1] = packed_batch(s_, Side::b, c_.extents, batch);
    for (int o = 0; o < operands(); ++o) operand_offset_[o] = offset(2 + o);
  }

  // Where the columns of some operand do not go on by its stride, a new run begins. Of slices, those of one count.
  void find_runs() {
    std::int64_t* starts = table(w_.runs, 0, 0);
    runs_ = 0;
    for (std::int64_t column = 0; column < each_; column += run_ - (n0_ + column) % run_) {
      for (int o = 0; o < operands(); ++o)
        fill_offsets(s_.n, c_.extents, 2 + o, n0_ + column, 1, table(w_.columns, nc_, 1 + o) + runs_);
      starts[runs_++] = column;
    }
    starts[runs_] = each_;
  }

  // Accumulates k from `first` to `last`; finishes the block if asked to.
  void multiply(std::int64_t first, std::int64_t last, bool then_finish) {
    if (first == last) {
      for (std::int64_t r = 0; r < rows_; ++r) std::memset(acc(r, 0), 0, at(columns_ * element_));
      if (then_finish) finish(0, rows_);
      return;
    }
    for (std::int64_t k = first; k < last; k += kc_) {
      const std::int64_t depth = std::min(kc_, last - k);
      enter_depth(k, depth);
      const bool final = then_finish && k + depth == last;
      const std::int64_t together = final && last - first < shallow ? l1_share / (w_.ld * element_) / mr_ : mc_ / mr_;
      sweep(depth, k > first, std::max<std::int64_t>(1, together), final, behind(k + depth, last));
    }
  }

  // Tables and the packed A of a chunk of k; B is packed panel by panel, when it is needed. What is kept is there.
  void enter_depth(std::int64_t k, std::int64_t depth) {
    if (k != k0_ || depth != depth_) {
      k0_ = k;
      depth_ = depth;
      if (!kept_a_.data) fill_offsets(s_.k, c_.extents, 0, k, depth, table(w_.depth, kc_, 0));
      if (!kept_b_.data) fill_offsets(s_.k, c_.extents, 1, k, depth, table(w_.depth, kc_, 1));
      if (kept_b_.data && is_far_)
        for (std::int64_t r = 0; r < depth; ++r) table(w_.depth, kc_, 1)[r] = r * nr_;
      a_held_ = b_held_ = {};
    }
    const Held a{a_, m0_};
    if (!kept_a_.data && a_held_ != a) {
      a_held_ = a;
      for (std::int64_t i = 0; i * mr_ < rows_; ++i)
        pack_a_(a_, table(w_.rows, mc_, 0) + i * mr_, std::min(mr_, rows_ - i * mr_), table(w_.depth, kc_, 0), depth,
                workspace_a(i, depth), mr_);
    }
    if (kept_b_.data) return;
    const std::span offsets(table(w_.depth, kc_, 1), at(depth));
    ldb_ = depth > 1 ? offsets[1] - offsets[0] : nr_;
    in_place_ = reads_in_place(s_, rows_, reinterpret_cast<std::uintptr_t>(b_),
                               std::span(table(w_.columns, nc_, 0), at(columns_)), offsets);
    if (in_place_) b_held_ = {};
  }

  // ---- what comes next ----

  // A sweep that follows the present one: its chunk of k and its columns, where b and the kept pack's batch are.
  struct Sweep {
    bool any = false;
    std::int64_t k = 0, depth = 0, n0 = 0, kept_batch = 0;
    const std::uint8_t* b = nullptr;
  };

  // None where it multiplies with what this one does, where all of B is near, and where rows of a panel are no rows in
  // memory: windows of an image, which are read again and again; or are stored in 16 bits, which offsets do not count.
  Sweep behind(std::int64_t k_end, std::int64_t last) const {
    if (!is_far_) return {};
    if (k_end < last) return {true, k_end, std::min(kc_, last - k_end), n0_, kept_batch_[1], b_};
    if (following_ < 0) return {};
    const auto [batch, i, j] = place_of(following_);
    if (batch == batch_ && j * across_ == n0_ && k_ <= kc_) return {};
    std::int64_t offset = 0;
    fill_offsets(s_.batch, c_.extents, 1, batch, 1, &offset);
    return {true,
            0,
            std::min(kc_, k_),
            j * across_,
            kept_b_.data ? packed_batch(s_, Side::b, c_.extents, batch) : 0,
            source(s_.b, s_.b_offset, offset, b_element_)};
  }

  // For micro-kernels of panel j: what panel j of the sweep behind is read from or packed of. Call i of so many fetches
  // its part of the rows.
  Ahead ahead_of(const Sweep& next, std::int64_t j, const void* present) const {
    static constexpr std::int64_t here = 0;
    const std::int64_t column = next.n0 + j * nr_;
    if (!next.any || column >= n_) return {present, &here, 0, 0};
    const std::int64_t* offsets = table(w_.depth, kc_, 1);
    const std::int64_t step = (std::int64_t{2} << 32) / ceil_div(rows_, mr_);
    if (kept_b_.data) {
      const std::int64_t at = kept_b_.shape->offset(next.kept_batch, next.k, next.depth, column / nr_);
      return {static_cast<const std::uint8_t*>(kept_b_.data) + at * element_, offsets, 0, step};
    }
    std::int64_t of_column = 0, of_k = 0;
    fill_offsets(s_.n, c_.extents, 1, column, 1, &of_column);
    fill_offsets(s_.k, c_.extents, 1, next.k, 1, &of_k);
    return {next.b + (of_column + of_k - offsets[0]) * element_, offsets, 0, step};
  }

  // All tiles, `together` panels of rows at a time; a full panel of B may be read where it lies, a partial one is
  // packed.
  void sweep(std::int64_t depth, bool accumulate, std::int64_t together, bool final, const Sweep& next) {
    const std::int64_t panels_m = ceil_div(rows_, mr_), panels_n = ceil_div(columns_, nr_);
    const Held b{b_, n0_};
    const bool pack = !kept_b_.data && b_held_ != b;
    if (!in_place_) b_held_ = b;
    const std::int64_t* lanes = table(w_.columns, nc_, 0);
    const std::int64_t* offsets = table(w_.depth, kc_, 1);
    // All rows of a panel pass before the next panel comes; or only some do, and then it has time until the next sweep.
    const bool at_once = together >= panels_m;
    const Sweep present{is_far_ && (kept_b_.data || in_place_ || pack), k0_, depth, n0_, kept_batch_[1], b_};
    for (std::int64_t from = 0; from < panels_m && code_ == 0; from += together) {
      const std::int64_t to = std::min(panels_m, from + together);
      for (std::int64_t j = 0; j < panels_n; ++j) {
        const std::int64_t width = std::min(nr_, columns_ - j * nr_);
        const bool direct = in_place_ && width == nr_;
        if (!direct && pack && from == 0)
          pack_b_(b_, lanes + j * nr_, width, offsets, depth, workspace_b(j, depth), nr_);
        const void* panel = direct ? b_ + (lanes[j * nr_] + offsets[0]) * element_ : packed_b(j, depth);
        Ahead ahead = !at_once           ? ahead_of(next, j, panel)
                      : j + 1 < panels_n ? ahead_of(present, j + 1, panel)
                                         : ahead_of(next, 0, panel);
        for (std::int64_t i = from; i < to; ++i) {
          if (ahead.step != 0) ahead.next = (i * depth << 32) / panels_m;
          micro_(depth, packed_a(i, depth), panel, direct ? ldb_ : nr_, acc(i * mr_, j * nr_), w_.ld, accumulate,
                 &ahead);
        }
      }
      if (final) finish(from * mr_, std::min(rows_, to * mr_));
    }
  }

  // The epilogue of some rows, run by run of columns.
  void finish(std::int64_t first, std::int64_t last) {
    const std::int64_t* starts = table(w_.runs, 0, 0);
    void* buffers[1 + 2 * most_contraction_operands];
    for (std::int64_t r = 0; r < runs_ && first < last && code_ == 0; ++r) {
      const std::int64_t column = starts[r], extents[] = {last - first, starts[r + 1] - column, w_.ld, each_};
      buffers[0] = acc(first, column);
      for (int o = 0; o < operands(); ++o) {
        const ContractionOperand& operand = s_.operands[at(o)];
        const std::int64_t constant = operand.offset < 0 ? 0 : c_.extents[at(operand.offset)];
        const std::int64_t offset = constant + operand_offset_[o] + table(w_.columns, nc_, 1 + o)[r];
        buffers[1 + 2 * o] =
            static_cast<std::uint8_t*>(c_.tables.pointer(c_.layout, operand.buffer)) +
            offset * static_cast<std::int64_t>(size_of(c_.program.buffers[at(operand.buffer)].storage));
        buffers[2 + 2 * o] = table(w_.rows, mc_, 1 + o) + first;
      }
      code_ = epilogue_(&c_.context, buffers, extents, 0, 1);
    }
  }

  struct Held {  // what the packed panels hold, for the present chunk of k
    const void* base = nullptr;
    std::int64_t first = -1;
    bool operator==(const Held&) const = default;
  };

  const ContractionCall& c_;
  const ContractionStep& s_;
  int thread_, threads_;
  const std::int64_t element_, a_element_, b_element_;  // bytes: of what is multiplied, and as operands are stored
  const std::int64_t mr_, nr_, mc_, nc_, kc_, slices_;
  const ContractionWorkspace w_;
  std::uint8_t* const workspace_;
  const MicroKernelFn micro_;
  const PackFn pack_a_, pack_b_;
  const KeptOperand kept_a_, kept_b_;
  const KernelFn epilogue_;
  std::int64_t batches_, m_, n_, k_, blocks_m_, blocks_n_;
  std::int64_t width_, across_;  // of a slice (or of all, if there are none), and of a block's part of it
  std::int64_t first_ = 0;       // of the whole of m: where the rows begin that m_ counts
  std::int64_t run_;             // columns along which all operands advance uniformly
  bool m_inside_, is_far_;
  std::int64_t following_ = -1;  // the block after the present one, if this thread has any

  std::int64_t batch_ = -1, m0_ = -1, n0_ = -1, k0_ = -1;
  std::int64_t rows_ = 0, columns_ = 0, each_ = 0, depth_ = 0, runs_ = 0;
  const std::uint8_t *a_ = nullptr, *b_ = nullptr;
  std::int64_t operand_offset_[most_contraction_operands] = {};
  std::int64_t kept_batch_[2] = {};
  Held a_held_, b_held_;
  bool in_place_ = false;
  std::int64_t ldb_ = 0;
  int code_ = 0;
};

}  // namespace

ContractionCall contraction_call(ThreadState& state, const Scope& scope, const ContractionStep& step,
                                 const StepFacts& facts) {
  Frame& frame = *state.frame;
  return {
      .step = step,
      .program = *scope.layout.program,
      .blocking = facts.blocking,
      .extents = scope.tables.extents,
      .layout = scope.layout,
      .tables = scope.tables,
      .workspace_bytes = (scope.placement.bytes[at(step.workspace)] + 63) / 64 * 64,
      .functions = frame.functions,
      .context = state.context,
      .barrier = frame.barrier,
      .kept_a = frame.kept(scope.facts, facts, Side::a),
      .kept_b = frame.kept(scope.facts, facts, Side::b),
      .rows = scope.rows,
  };
}

int run_contraction(const ContractionCall& call, int thread, int threads) {
  return Driver(call, thread, threads).run();
}

}  // namespace bitale::executor
