// Shapes, rearrangement and creation, as users name them: axes may be negative (from the end), extents may be symbolic.
//
// Nearly all are built from the primitives of compiler/prim/prim.h, whose index maps fuse: nothing is copied on the
// way. Functions that share a primitive's name check and complete what the primitive takes as it is.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/api/names.h"

namespace bitale::ops {

// ---- the same elements under another shape ----
Tensor reshape(const Tensor& x, Shape shape, SourceLine line = {});                // one extent may be -1
Tensor flatten(const Tensor& x, int from = 0, int to = -1, SourceLine line = {});  // axes [from, to] become one
Tensor squeeze(const Tensor& x, Axes axes = {}, SourceLine line = {});  // axes of extent 1 go; none: all constant ones
Tensor at_least(const Tensor& x, int rank, SourceLine line = {});       // numpy.atleast_1d, 2d, 3d
Tensor transpose(const Tensor& x, Axes axes, SourceLine line = {});     // none: reversed
Tensor moveaxis(const Tensor& x, Axes from, Axes to, SourceLine line = {});
Tensor swapaxes(const Tensor& x, int a, int b, SourceLine line = {});

// ---- joining and parting ----
Tensor concatenate(const std::vector<Tensor>& parts, int axis = 0, SourceLine line = {});
Tensor stack(const std::vector<Tensor>& parts, int axis = 0, SourceLine line = {});
std::vector<Tensor> split(const Tensor& x, std::int64_t parts, int axis = 0, SourceLine line = {});  // equal ones
// [0, p0), [p0, p1)... [last, n), each read as a Range.
std::vector<Tensor> split(const Tensor& x, const std::vector<Dim>& positions, int axis = 0, SourceLine line = {});

// ---- repetition ----
Tensor tile(const Tensor& x, std::vector<Dim> counts, SourceLine line = {});       // the last count is of the last axis
Tensor repeat(const Tensor& x, const Dim& count, int axis, SourceLine line = {});  // each element, count times
std::vector<Tensor> broadcast_arrays(const std::vector<Tensor>& tensors, SourceLine line = {});

// ---- parts ----
// The elements start, start + step... before stop (behind it for a negative step) of an axis, as NumPy reads them:
// negative bounds count from the end, bounds outside are brought inside, missing ones are the ends.
struct Range {
  std::optional<Dim> start = std::nullopt, stop = std::nullopt;
  Dim step = 1;  // a symbolic one is positive
};
Tensor slice(const Tensor& x, int axis, const Range& range, SourceLine line = {});
Tensor slice(const Tensor& x, const std::vector<Range>& ranges, SourceLine line = {});  // of the first axes
Tensor flip(const Tensor& x, Axes axes = {}, SourceLine line = {});                     // none: all
// Element i goes to i + shift, and around.
Tensor roll(const Tensor& x, const std::vector<Dim>& shifts, const Axes& axes, SourceLine line = {});

// ---- padding ----
enum class PadMode : std::uint8_t {
  constant,   // a value
  edge,       // the outermost element
  reflect,    // mirrored at the outermost element
  symmetric,  // mirrored outside of the outermost element
  wrap,       // around
};
// widths: before and after, one pair per axis or one for all.
Tensor pad(const Tensor& x, std::vector<std::pair<Dim, Dim>> widths, PadMode mode = PadMode::constant, double value = 0,
           SourceLine line = {});

// ---- diagonals and triangles; `offset` moves the diagonal to the right ----
// x without the axes a and b, and with the elements at (i, i + offset) of these as the last axis.
Tensor diagonal(const Tensor& x, std::int64_t offset = 0, int a = 0, int b = 1, SourceLine line = {});
Tensor diag(const Tensor& x, std::int64_t offset = 0, SourceLine line = {});  // vector to matrix, matrix to vector
Tensor trace(const Tensor& x, std::int64_t offset = 0, int a = 0, int b = 1, SourceLine line = {});
Tensor tri(const Dim& rows, const Dim& columns, std::int64_t offset, DType dtype, SourceLine line = {});
Tensor tril(const Tensor& x, std::int64_t offset = 0, SourceLine line = {});
Tensor triu(const Tensor& x, std::int64_t offset = 0, SourceLine line = {});
Tensor eye(const Dim& rows, const Dim& columns, std::int64_t offset, DType dtype, SourceLine line = {});

// ---- creation ----
Tensor full(double value, DType dtype, Shape shape, SourceLine line = {});
// start, start + step... before stop.
Tensor arange(const Dim& start, const Dim& stop, std::int64_t step, DType dtype, SourceLine line = {});
Tensor arange(double start, double stop, double step, DType dtype, SourceLine line = {});
// `count` values from start to stop, or, without the endpoint, to one step before it. start and stop are scalars;
// differentiable in both.
Tensor linspace(const Operand& start, const Operand& stop, const Dim& count, bool endpoint, DType dtype,
                SourceLine line = {});
// Vectors of extents n0, n1... as tensors of shape [n0, n1...] ("ij") or [n1, n0...] (not ij: the first varies along
// the columns).
std::vector<Tensor> meshgrid(const std::vector<Tensor>& vectors, bool ij, SourceLine line = {});
std::vector<Tensor> indices(const Shape& shape, DType dtype, SourceLine line = {});  // per axis, each element's place

}  // namespace bitale::ops
