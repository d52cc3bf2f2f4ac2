// Ops that read and write where integer tensors say.
//
// An index is in [-n, n) for an axis of extent n; a negative one counts from the end. One outside is a data error: the
// call fails, naming the op, the index and n. Who checks: checked_rows, which the builders put between the user's
// indices and the ops with element bodies; scatter_add, a library call, checks for itself. Element bodies read what
// checked_rows gives. They clamp it into the axis all the same, so that a graph made otherwise never reads outside of
// an operand. An axis of extent 0 can only be indexed by no indices at all, which is checked at call entry.
#pragma once

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
  std::string user;  // the op that reads the rows, for messages
  bool operator==(const CheckedRowsParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("extent", extent);
    v("user", user);
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

extern const ir::OpDef checked_rows_op;  // indices -> int64 rows in [0, extent)
extern const ir::OpDef gather_op;        // x, indices
extern const ir::OpDef scatter_add_op;   // x [outer, rows, inner], int64 indices [count], updates [outer, count, inner]
extern const ir::OpDef pick_op;          // x [..., c], indices [...]
extern const ir::OpDef pick_backward_op;  // dy [...], indices [...] -> [..., c]

// Indices of an axis of extent n, checked, as int64 rows counted from the start. Rows that are that already stay as
// they are.
Tensor checked_rows(const Tensor& indices, const Dim& n, const std::string& user, SourceLine line = {});
// The op of `inputs`, of which the second are the user's indices of an axis of extent n, with these checked.
Tensor apply_checked(const ir::OpDef& op, ir::Params params, std::vector<Tensor> inputs, const Dim& n, SourceLine line);

// An index of an axis of extent n as int64, counted from the start; `clamp` brings one that is outside inside.
ir::Expr row_of(ir::Element& e, ir::Expr index, const Dim& n, bool clamp);
// The row that an element of a node's indices means. One outside is an Error that names the node as the executor does.
std::int64_t reference_row(const ir::Node& node, const Array& indices, std::int64_t position, std::int64_t n);
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
