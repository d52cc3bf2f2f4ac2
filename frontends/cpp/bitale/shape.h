// Shapes and rearrangement. Nothing is copied until something needs the values: index maps fuse with what reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

// ---- the same elements under another shape ----
Tensor reshape(const Tensor& x, const Shape& shape, Where at = Where::current());         // one extent may be -1
Tensor flatten(const Tensor& x, int from = 0, int to = -1, Where at = Where::current());  // axes [from, to] become one
Tensor expand_dims(const Tensor& x, int axis, Where at = Where::current());
// Axes of extent 1 go; none named: all whose extents are the constant 1.
Tensor squeeze(const Tensor& x, const Axes& axes = {}, Where at = Where::current());
Tensor atleast_1d(const Tensor& x, Where at = Where::current());
Tensor atleast_2d(const Tensor& x, Where at = Where::current());
Tensor atleast_3d(const Tensor& x, Where at = Where::current());
Tensor transpose(const Tensor& x, const Axes& axes = {}, Where at = Where::current());  // none: reversed
Tensor moveaxis(const Tensor& x, const Axes& from, const Axes& to, Where at = Where::current());
Tensor swapaxes(const Tensor& x, int a, int b, Where at = Where::current());

// ---- joining and parting ----
Tensor concatenate(const std::vector<Tensor>& parts, int axis = 0, Where at = Where::current());
Tensor stack(const std::vector<Tensor>& parts, int axis = 0, Where at = Where::current());
// Equal parts; or those between positions, which are read as the bounds of slices.
std::vector<Tensor> split(const Tensor& x, std::int64_t parts, int axis = 0, Where at = Where::current());
std::vector<Tensor> split(const Tensor& x, const std::vector<Dim>& positions, int axis = 0,
                          Where at = Where::current());

// ---- repetition ----
Tensor broadcast_to(const Tensor& x, const Shape& shape, Where at = Where::current());
std::vector<Tensor> broadcast_arrays(const std::vector<Tensor>& tensors, Where at = Where::current());
// As a whole: the last count is of the last axis. And each element of an axis, count times in a row.
Tensor tile(const Tensor& x, const std::vector<Dim>& counts, Where at = Where::current());
Tensor repeat(const Tensor& x, const Dim& count, int axis, Where at = Where::current());

// ---- parts ----
// The elements start, start + step... before stop (behind it if the step is negative), as NumPy reads them: negative
// bounds count from the end, those outside are brought inside, missing ones are the ends. Bounds may be symbolic.
struct Range {
  std::optional<Dim> start = std::nullopt, stop = std::nullopt;
  Dim step = 1;  // a symbolic one is positive
};
Tensor slice(const Tensor& x, int axis, const Range& range, Where at = Where::current());
Tensor slice(const Tensor& x, int axis, const Dim& start, const Dim& stop, const Dim& step = 1,
             Where at = Where::current());
Tensor slice(const Tensor& x, const std::vector<Range>& ranges, Where at = Where::current());  // of the first axes
Tensor flip(const Tensor& x, const Axes& axes = {}, Where at = Where::current());              // none: all
// Element i goes to i + shift, and around.
Tensor roll(const Tensor& x, const Dim& shift, int axis, Where at = Where::current());
Tensor roll(const Tensor& x, const std::vector<Dim>& shifts, const Axes& axes, Where at = Where::current());

// ---- padding ----
enum class PadMode : std::uint8_t {
  constant,   // `value`
  edge,       // the outermost element
  reflect,    // mirrored at the outermost element
  symmetric,  // mirrored outside of the outermost element
  wrap,       // around
};
// widths: before and after, a pair per axis or one for all. An empty axis can be padded with constants only.
Tensor pad(const Tensor& x, const std::vector<std::pair<Dim, Dim>>& widths, PadMode mode = PadMode::constant,
           double value = 0, Where at = Where::current());

// ---- diagonals and triangles; `offset` moves the diagonal to the right ----
// Without the axes a and b, and with the elements at (i, i + offset) of these as the last axis.
Tensor diagonal(const Tensor& x, std::int64_t offset = 0, int a = 0, int b = 1, Where at = Where::current());
Tensor diag(const Tensor& x, std::int64_t offset = 0, Where at = Where::current());  // vector to matrix, and back
Tensor trace(const Tensor& x, std::int64_t offset = 0, int a = 0, int b = 1, Where at = Where::current());
Tensor tril(const Tensor& x, std::int64_t offset = 0, Where at = Where::current());  // of the last two axes
Tensor triu(const Tensor& x, std::int64_t offset = 0, Where at = Where::current());

}  // namespace bitale
