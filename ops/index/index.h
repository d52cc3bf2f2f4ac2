// Ops that read and write where integer tensors say.
//
// An index is in [-n, n) for an axis of extent n; a negative one counts from the end. One outside is a data error: the
// call fails, naming the op, the index and n. Who checks: checked_rows, which the builders put between the user's
// indices and the ops with element bodies; scatter_add, a library call, checks for itself. Element bodies read what
// checked_rows gives. They clamp it into the axis all the same, so that a graph made otherwise never reads outside of
// an operand. An axis of extent 0 can only be indexed by no indices at all, which is checked at call entry.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compiler/ir/op.h"
#include "ops/api/index.h"

namespace bitale::ops {

struct GatherParams {
  std::int64_t axis = 0;
  bool operator==(const GatherParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("axis", axis);
  }
};
struct CheckedRowsParams {
  Dim extent;
  std::string user;      // the op that reads the rows, for messages
  bool from_end = true;  // negative indices count from the end; else they are outside
  bool operator==(const CheckedRowsParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("extent", extent);
    v("user", user);
    v("from_end", from_end);
  }
};
struct PickBackwardParams {
  Dim extent;
  bool operator==(const PickBackwardParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("extent", extent);
  }
};
struct ArgsortParams {
  Dim count;
  bool descending = false;
  bool operator==(const ArgsortParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("count", count);
    v("descending", descending);
  }
};
struct SearchsortedParams {
  bool right = false;
  bool operator==(const SearchsortedParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("right", right);
  }
};

extern const ir::OpDef checked_rows_op;  // indices -> int64 rows in [0, extent)
extern const ir::OpDef gather_op;        // x, indices
extern const ir::OpDef scatter_add_op;   // x [outer, rows, inner], int64 indices [count], updates [outer, count, inner]
extern const ir::OpDef scatter_set_op, scatter_max_op, scatter_min_op;  // the same
extern const ir::OpDef pick_op;                                         // x [..., c], indices [...]
extern const ir::OpDef pick_backward_op;                                // dy [...], indices [...] -> [..., c]
extern const ir::OpDef argsort_op;                                      // x [outer, n, inner]
extern const ir::OpDef searchsorted_op;                                 // sorted [outer, n], values [outer, count]
// Composites.
extern const ir::OpDef one_hot_op, subtensor_op, set_subtensor_op, inc_subtensor_op;
extern const ir::OpDef take_op, take_along_axis_op, put_along_axis_op, choose_op, compress_op;
extern const ir::OpDef sort_op, topk_op, digitize_op, bincount_op, unravel_index_op, ravel_multi_index_op;

// Indices of an axis of extent n, checked, as int64 rows counted from the start. Rows that are that already stay as
// they are.
Tensor checked_rows(const Tensor& indices, const Dim& n, const std::string& user, SourceLine line = {},
                    bool from_end = true);
// The op of `inputs`, of which the second are the user's indices of an axis of extent n, with these checked.
Tensor apply_checked(const ir::OpDef& op, ir::Params params, std::vector<Tensor> inputs, const Dim& n, SourceLine line);
// Rows that are in [0, extent) by construction, or were checked by parts: no check.
Tensor gather_rows(const Tensor& x, const Tensor& rows, int axis, SourceLine line = {});
// The one row of several axes of these extents, in row-major order; rows are int64 and broadcast.
Tensor joint_rows(std::span<const Tensor> rows, std::span<const Dim> extents, SourceLine line = {});
// An axis between those before and behind it.
struct AroundAxis {
  Dim outer, n, inner;
  Shape shape() const { return {outer, n, inner}; }
  Dim size() const { return outer * n * inner; }
};
AroundAxis around_axis(const Tensor& x, int axis);
// Where in [outer, n, inner], as one row, the elements of rows [outer, count, inner] of the middle axis are.
Tensor places_along(const AroundAxis& x, const Tensor& rows, SourceLine line = {});
// scatter_add's or scatter_set's node on operands as the node has them: x [outer, rows, inner], indices [count].
Tensor scatter_rows(const ir::OpDef& op, const Tensor& x, const Tensor& rows, const Tensor& updates,
                    SourceLine line = {});
// argsort's node: the first `count` positions of the order along the middle axis of x [outer, n, inner].
Tensor argsort_first(const Tensor& x, const Dim& count, bool descending, SourceLine line = {});
// Error "op: what, at line".
[[noreturn]] void fail_at(const std::string& op, const std::string& what, SourceLine line);
void require_integers(const char* op, const Tensor& x, SourceLine line);

// An index of an axis of extent n as int64, counted from the start; `clamp` brings one that is outside inside.
ir::Expr row_of(ir::Element& e, ir::Expr index, const Dim& n, bool clamp);
// The row that an element of a node's indices means. One outside is an Error that names the node as the executor does.
std::int64_t reference_row(const ir::Node& node, const Array& indices, std::int64_t position, std::int64_t n,
                           bool from_end = true);
// Type rules: indices that number `count` address an axis of extent n.
void require_rows(const ir::TypeArgs& args, const Dim& n, const Dim& count);
// The leading axes of x are those of indices.
void unify_rows(const ir::TypeArgs& args, const Shape& x, const Shape& indices, const std::string& what);

// For batching. Indices [B, ...] into an axis of extent n of B tensors, as indices into the one axis of extent B * n.
Tensor rows_of_all(const Tensor& indices, const Dim& n, const std::string& user);
Tensor move_axis(const Tensor& t, std::size_t from, std::size_t to);

// For samples: any integers, and what makes them indices of an axis of extent n, of both signs.
ir::SampleInput index_input(Extents shape, DType dtype = DType::i64);
Tensor sample_indices(const Tensor& integers, const Dim& n);

}  // namespace bitale::ops
