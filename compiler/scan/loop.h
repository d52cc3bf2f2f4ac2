// A scan taken apart and put together.
//
// A scan runs its body once per step. It has three kinds of state and no others:
//   sequence   step t sees row t of a tensor [trips, ...] (backwards: row trips - 1 - t)
//   carry      a step sees what the step before left, the first one an initial value; the last value comes out
//   stacked    what a step gives becomes row t of a result [trips, ...] (backwards: row trips - 1 - t)
// What a body reads from outside is an invariant, the same in every step. Zero trips give the initial carries and empty
// results.
//
// Steps may be left out, by bounds that are known before the loop and by a carry that ends it. A step that is left out
// changes no carry, and its rows of results are zero.
//
// In blocks, a step sees several rows of a sequence, and gives as many of a result: those from step times the block's
// rows on, or, where fewer are left, the last ones, so that the last block may share rows with the one before. A block
// is one row at least, and no more than there are. All steps are run, forwards. This is how a pass has what it makes of
// large tensors computed piece by piece; users' scans have no blocks, and there are no derivatives of those that do.
//
// As a node: op "scan", operands sequences, initial carries, invariants, bounds (if it has them), in this order; the
// body's arguments are numbered alike, and its outputs are the new carries, then the rows. Outputs of the node: last
// carries, then stacked results.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/body.h"

namespace bitale::loops {

struct ScanParams {
  std::string name;  // the user's, for messages and profiles
  std::int64_t sequences = 0, carries = 0;
  ir::Dim trips;
  ir::Dim block, rows;     // of a block, and of the tensors, of which `trips` blocks are made; 0: there are no blocks
  bool truncates = false;  // derivatives in reverse mode go back through the last `truncated` steps alone
  ir::Dim truncated;
  bool keeps = true;  // for reverse mode, what costs more than a few additions; else carries alone
  // A carry, a bool scalar, that leaves out all further steps once it is true (at first: all); -1: none.
  std::int64_t stop = -1;
  // The last two operands are int64 scalars, first and last: steps t with first <= t < last are run. Either may lie
  // outside of the trips.
  bool bounded = false;
  std::vector<std::int64_t> backwards;  // 1 for each sequence, then each stacked result, that goes backwards, else 0
  ir::Body body;
  bool operator==(const ScanParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("name", name);
    v("sequences", sequences);
    v("carries", carries);
    v("trips", trips);
    v("block", block);
    v("rows", rows);
    v("truncates", truncates);
    v("truncated", truncated);
    v("keeps", keeps);
    v("stop", stop);
    v("bounded", bounded);
    v("backwards", backwards);
    v("body", body);
  }
  bool in_blocks() const { return !block.is(0); }
  // Of what a step sees of a sequence, and of the result of what it gives.
  ir::TensorType seen(const ir::TensorType& sequence) const;
  ir::TensorType stacked(const ir::TensorType& given) const;
};

bool is_scan(const ir::Node& node);  // with a row a step: passes leave those in blocks alone

struct Loop {
  struct Sequence {
    ir::Tensor rows, row;  // outside and in the body
    bool backwards = false;
  };
  struct Carry {
    ir::Tensor init, before, after;
  };
  struct Invariant {
    ir::Tensor outer, inner;
  };
  struct Stacked {
    ir::Tensor row;
    bool backwards = false;
  };
  struct Bounds {
    ir::Tensor first, last;
    bool operator==(const Bounds&) const = default;
  };

  std::string name;
  ir::Dim trips;
  ir::Dim block, rows;  // as in ScanParams
  std::optional<ir::Dim> truncated;
  bool keeps = true;
  std::int64_t stop = -1;
  std::optional<Bounds> bounds;
  std::vector<Sequence> sequences;
  std::vector<Carry> carries;
  std::vector<Invariant> invariants;
  std::vector<Stacked> stacked;

  // The parts of a node of op scan, in order. The placeholders (row, before, inner) are fresh inputs.
  static Loop of(const ir::Node& node);

  // A tensor that stands for a row, a carry or an invariant in a body that is being written.
  static ir::Tensor placeholder(const std::string& name, ir::TensorType type, SourceLine line = {});
  // The type of a sequence's rows.
  static ir::TensorType row_type(const ir::TensorType& rows);

  // What the steps give: as many as there are carries, then stacked.
  std::vector<ir::Tensor> body_outputs() const;
  void set_body_outputs(const std::vector<ir::Tensor>& outputs);  // in this order

  struct Results {
    std::vector<ir::Tensor> last, stacked;
    std::vector<ir::Tensor> all() const;  // as the node has them
  };
  // The node. Tensors that the body reads and that are no placeholders become invariants, but for what is made of
  // constants and extents alone; sequences and invariants that it does not read are left out, and equal ones are one.
  // Errors name the scan: a carry whose new value has another type than the initial one, rows of another type than the
  // sequence's.
  Results build(SourceLine line = {}) const;
};

// Rows `first` to `first + count` of x, along its first axis; and x as rows from `first` on among `count`, the others
// zero.
ir::Tensor rows_of(const ir::Tensor& x, const ir::Dim& first, const ir::Dim& count, SourceLine line = {});
ir::Tensor among_rows(const ir::Tensor& x, const ir::Dim& first, const ir::Dim& count);

// What a scan's gradient takes for each step besides the carries, where it keeps what it needs (keeps = true), and what
// the carries take, in bytes.
struct KeptBytes {
  ir::Dim values, carries;
};
KeptBytes kept_bytes(const Loop& loop);

// The loop in segments of `length` steps, the last one perhaps shorter: a scan of scans. Its gradient keeps the carries
// before each segment, and computes one segment at a time again.
Loop::Results segmented(const Loop& loop, const ir::Dim& length, SourceLine line = {});

}  // namespace bitale::loops
