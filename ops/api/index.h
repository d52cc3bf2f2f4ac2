// Reading and writing by integer tensors.
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "ops/api/names.h"

namespace bitale::ops {

// Rows of x along `axis` by integer indices of any rank: numpy.take. An index outside [-n, n) is a data error at run
// time.
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0, SourceLine line = {});
// x with `updates` added at indices along axis; duplicates accumulate. Or put there: of equal indices the last wins.
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0, SourceLine line = {});
Tensor scatter_set(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0, SourceLine line = {});
Tensor scatter_max(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0, SourceLine line = {});
Tensor scatter_min(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0, SourceLine line = {});
// x[i, indices[i]] for x [..., c] and int indices [...]: one element per row (used by cross-entropy).
Tensor pick(const Tensor& x, const Tensor& indices, SourceLine line = {});
// Its transpose: [..., extent] with dy [...] at the indices, 0 elsewhere.
Tensor pick_backward(const Tensor& dy, const Tensor& indices, const Dim& extent, SourceLine line = {});
// 1 where indices [...] equals the position along a new last axis, else 0; [..., classes].
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype, SourceLine line = {});

// ---- expressions of indices, as NumPy writes x[...] ----

// Places start, start + step... before stop. Without a start or stop: from the first place on, or to the last one (the
// other way round for a negative step). A constant bound that is negative counts from the end; a symbolic one does not.
// Both are clipped into the axis.
struct Slice {
  std::optional<Dim> start = {}, stop = {};
  std::int64_t step = 1;
};
struct NewAxis {};
struct Ellipsis {};
// A Dim is one place, a constant negative one counts from the end. A Tensor is integers of any rank.
using IndexItem = std::variant<Dim, Slice, NewAxis, Ellipsis, Tensor>;

// x[index]. Axes that no item takes are whole. The shapes of integer tensors broadcast together; their axes stand where
// the tensors are, if these (and single places between them) are neighbours, and first otherwise. Errors: too many
// items, a step of 0, a constant place outside, bool tensors (their extents would depend on data); places that are
// outside at run time are data errors.
Tensor subtensor(const Tensor& x, const std::vector<IndexItem>& index, SourceLine line = {});
// x with y, which broadcasts to x[index], put there or added there. y has a dtype that promotes to that of x. What is
// put at a place twice: the last counts, in row-major order of the indices; what is added, accumulates.
Tensor set_subtensor(const Tensor& x, const std::vector<IndexItem>& index, const Operand& y, SourceLine line = {});
Tensor inc_subtensor(const Tensor& x, const std::vector<IndexItem>& index, const Operand& y, SourceLine line = {});

// ---- along an axis ----

// x.ravel()[indices], or gather along an axis.
Tensor take(const Tensor& x, const Tensor& indices, std::optional<int> axis = {}, SourceLine line = {});
// x[..., indices[..., k, ...], ...]: x and indices have one rank and broadcast on the other axes.
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int axis = -1, SourceLine line = {});
// x with values, which broadcast to the indices, put there; of equal indices the last wins.
Tensor put_along_axis(const Tensor& x, const Tensor& indices, const Operand& values, int axis = -1,
                      SourceLine line = {});
// choices[index][...], element by element, all broadcast; an index outside [0, choices) is a data error.
Tensor choose(const Tensor& index, const std::vector<Tensor>& choices, SourceLine line = {});
// The rows of x where the condition [n] holds, in order: the first `size` of them, and `fill` behind the last.
Tensor compress(const Tensor& condition, const Tensor& x, const Dim& size, int axis = 0, const Operand& fill = 0,
                SourceLine line = {});
// An Error that says why there is no such thing and what to use.
[[noreturn]] void nonzero(const Tensor& x, SourceLine line = {});

// ---- order ----

// NaN counts as above all numbers, -0 as 0; equal elements stay in order (descending, too).
Tensor sort(const Tensor& x, int axis = -1, bool descending = false, SourceLine line = {});
Tensor argsort(const Tensor& x, int axis = -1, bool descending = false, SourceLine line = {});
// The k largest (smallest) along an axis in order, and where they are (int64).
std::pair<Tensor, Tensor> topk(const Tensor& x, const Dim& k, int axis = -1, bool largest = true, SourceLine line = {});
// Where values go into an ascending vector (or ascending rows [..., n] for values [..., m]): before equal elements, or
// behind them.
Tensor searchsorted(const Tensor& sorted, const Operand& values, bool right = false, SourceLine line = {});
// The bin of each value between ascending edges: i with edges[i-1] <= value < edges[i]; right: < and <=.
Tensor digitize(const Tensor& values, const Tensor& edges, bool right = false, SourceLine line = {});
// How often each of 0 ... length-1 is among x (int64), or the sums of their weights. A value outside is a data error.
Tensor bincount(const Tensor& x, const Dim& length, const Tensor& weights = {}, SourceLine line = {});

// ---- places in row-major order ----

// One int64 tensor per axis; and back. Places outside of [0, product of shape), or [0, n), are data errors.
std::vector<Tensor> unravel_index(const Tensor& places, const Shape& shape, SourceLine line = {});
Tensor ravel_multi_index(const std::vector<Tensor>& indices, const Shape& shape, SourceLine line = {});

}  // namespace bitale::ops
