// Reading and writing by places, slices and integer tensors; sorting.
//
// An index is in [-n, n) for an axis of extent n; a negative one counts from the end. A call with one outside fails,
// naming the op, the index and the line that asked for it; no update is stored then. Where several updates meet, adding
// adds all of them and putting keeps the last, whatever the number of threads; the others' gradient is 0.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

// ---- expressions of indices: what NumPy writes in x[...] ----

// The places start, start + step... before stop: Slice{2, -1}, Slice{.step = -1}, Slice{n - 3}. Without a bound, all to
// that end. A negative constant counts from the end, a symbolic bound never does; both are clipped into the axis.
struct Slice {
  std::optional<Dim> start = {}, stop = {};
  std::int64_t step = 1;
};
struct NewAxis {};
struct Ellipsis {};
inline constexpr NewAxis newaxis;    // an axis of extent 1 in the result
inline constexpr Ellipsis ellipsis;  // whole axes, as many as there are more than items

// One item of an index: a place (a constant or symbolic; its axis goes), a slice, a new axis, the ellipsis, or a tensor
// of integers of any shape.
class IndexItem {
 public:
  IndexItem(int place);           // NOLINT: implicit by design
  IndexItem(std::int64_t place);  // NOLINT
  IndexItem(bool) = delete;
  IndexItem(const Dim& place);       // NOLINT
  IndexItem(Slice slice);            // NOLINT
  IndexItem(NewAxis item);           // NOLINT
  IndexItem(Ellipsis item);          // NOLINT
  IndexItem(const Tensor& indices);  // NOLINT
  IndexItem(const Shared& indices);  // NOLINT

 private:
  friend struct detail::Access;
  std::variant<Dim, Slice, NewAxis, Ellipsis, Tensor> item_;
};
using Index = std::vector<IndexItem>;

// x[index]:
//
//     subtensor(x, {0, Slice{1, -1}})            x[0, 1:-1]
//     subtensor(x, {ellipsis, Slice{.step = -2}, newaxis})   x[..., ::-2, None]
//     subtensor(x, {Slice{n - 3}, rows})         x[n-3:, rows], a gather of columns
//     subtensor(x, {rows, columns})              the elements (rows[k], columns[k])
//
// The shapes of several tensors broadcast together. Their axes stand where the tensors do if these, and places between
// them, are neighbours, else in front: NumPy's rule. A tensor of bools is refused, as the result's extents would depend
// on data: use where(mask, a, b), or compress().
Tensor subtensor(const Tensor& x, const Index& index, Where at = Where::current());
// x with y, which broadcasts to x[index], put there (w[rows] = y); or added there (w[rows] += y).
Tensor set_subtensor(const Tensor& x, const Index& index, const Operand& y, Where at = Where::current());
Tensor inc_subtensor(const Tensor& x, const Index& index, const Operand& y, Where at = Where::current());

// ---- rows of one axis ----

// gather gives x.shape[:axis] + indices.shape + x.shape[axis+1:]; updates broadcast to that.
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0, Where at = Where::current());
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0,
                   Where at = Where::current());
Tensor scatter_set(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0,
                   Where at = Where::current());
Tensor scatter_max(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0,
                   Where at = Where::current());
Tensor scatter_min(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis = 0,
                   Where at = Where::current());
// gather, or without an axis elements of x as a vector.
Tensor take(const Tensor& x, const Tensor& indices, std::optional<int> axis = {}, Where at = Where::current());
// Each row of the axis by indices of its own; x and indices have one rank and broadcast on the other axes.
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int axis = -1, Where at = Where::current());
Tensor put_along_axis(const Tensor& x, const Tensor& indices, const Operand& values, int axis = -1,
                      Where at = Where::current());
Tensor pick(const Tensor& x, const Tensor& indices, Where at = Where::current());  // x[i, indices[i]]
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype = float32, Where at = Where::current());

// ---- selection ----

// choices[index], element by element, all broadcast. An index outside [0, choices) is a data error.
Tensor choose(const Tensor& index, const std::vector<Tensor>& choices, Where at = Where::current());
// The first `size` rows of x whose condition holds, in order, then rows of `fill`.
Tensor compress(const Tensor& condition, const Tensor& x, const Dim& size, int axis = 0, const Operand& fill = 0,
                Where at = Where::current());
// Always an Error that says what to use: how many there are is known only when the program runs.
[[noreturn]] Tensor nonzero(const Tensor& x, Where at = Where::current());

// ---- order ----

// NaN counts as above all numbers (so it comes last, and first in descending order), -0 as 0; equal elements stay in
// order. Gradients pass by the permutation.
Tensor sort(const Tensor& x, int axis = -1, bool descending = false, Where at = Where::current());
Tensor argsort(const Tensor& x, int axis = -1, bool descending = false, Where at = Where::current());  // int64
struct TopK {
  Tensor values, indices;  // in order, the largest (smallest) first; indices are int64
};
TopK topk(const Tensor& x, const Dim& k, int axis = -1, bool largest = true, Where at = Where::current());
// Where values go into an ascending vector, or into ascending rows [..., n] for values [..., m]: before equal elements,
// or behind them. int64.
Tensor searchsorted(const Tensor& sorted, const Operand& values, bool right = false, Where at = Where::current());
// The bin i with edges[i-1] <= value < edges[i] (right: < and <=) of each value, for ascending edges.
Tensor digitize(const Tensor& values, const Tensor& edges, bool right = false, Where at = Where::current());
// How often each of 0 ... length-1 is among x (int64), or the sums of the weights there. One outside is a data error.
Tensor bincount(const Tensor& x, const Dim& length, Where at = Where::current());
Tensor bincount(const Tensor& x, const Dim& length, const Tensor& weights, Where at = Where::current());

// ---- places in row-major order ----

// The index along each axis of `shape` (int64), and back. One outside is a data error; negative ones are.
std::vector<Tensor> unravel_index(const Tensor& places, const Shape& shape, Where at = Where::current());
Tensor ravel_multi_index(const std::vector<Tensor>& indices, const Shape& shape, Where at = Where::current());

}  // namespace bitale
