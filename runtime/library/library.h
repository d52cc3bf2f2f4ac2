// Library calls by name, behind one table: what a LibraryStep runs. Libraries are opened at first use.
//
// Matrices are row-major and dense; a leading dimension is the distance of two rows, in elements.
//
//   name            buffers   extents                  integers            reals
//   sgemm, dgemm    a, b, c   m, n, k, lda, ldb, ldc   trans_a, trans_b    alpha, beta
//       c[m][n] = alpha * op(a)[m][k] * op(b)[k][n] + beta * c, where op transposes if its flag is 1; float32, float64.
//       With beta 0, c is not read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/program/abi.h"

namespace bitale::library {

struct Arguments {
  std::span<void* const> buffers;
  std::span<const std::int64_t> extents;  // in the order of the step's list
  std::span<const std::int64_t> integers;
  std::span<const double> reals;
  int thread = 0, threads = 1;
};

// Runs on thread 0 alone, as thread 0 of 1 (in a blocked step: on the thread of the tile), or on all threads of the
// region if shared_work() says so: then each does its share, which no other thread touches. Returns 0 or an ErrorCode;
// a library's own status is left in the context's error_value.
using LibraryFn = int (*)(Context* context, const Arguments& arguments);

// Error if the name is unknown or its library cannot be opened (the message says what was searched).
LibraryFn find(const std::string& name);

// About how many elements a call touches whose work threads may share, so that the caller sees whether that is worth
// it; 0 for the calls of one thread.
double shared_work(const std::string& name, std::span<const std::int64_t> extents);

// Shared by threads: fill, the scatters, argsort, searchsorted, conv_im2col (im2col.h), fft2 and ifft2 (fft.h). Results
// do not depend on their number.
//
// fill: every element of out has the same bits. Buffers out; extents: those of out, any number of them; integers: the
// DType, an element's bits.
//
// scatter_add: out = x, then out[o, indices[k], i] += updates[o, k, i] for k = 0, 1... in this order, so that results
// do not depend on how the work is split (by destination). Buffers x [outer, rows, inner], int64 indices [count],
// updates [outer, count, inner], out [outer, rows, inner], which may be x; extents outer, rows, inner, count; integers:
// the DType of x. An index in [-rows, 0) counts from the end; one outside [-rows, rows) is the data error
// index_out_of_range and adds nothing.
//
// scatter_set: the same with = in place of +=. Of equal indices the last wins. scatter_max, scatter_min: with the
// larger or the smaller of the two; NaN if either is.
//
// argsort: int64 out[o, r, i] is where in x[o, :, i] the element of rank r is. Equal elements rank by position; NaN is
// above all numbers. Buffers x [outer, n, inner], out [outer, count, inner], count <= n; extents outer, n, inner,
// count; integers: the DType of x; 1 for descending order. The status of a call without memory is ENOMEM.
//
// searchsorted: int64 out[o, k] is how many elements of the ascending row sorted[o] lie below values[o, k], or (right)
// do not lie above it; NaN is above all numbers. Buffers sorted [outer, n], values [outer, count] of one dtype, out
// [outer, count]; extents outer, n, count; integers: the DType; 1 for right.

// checked_rows: int64 rows[k] in [0, extent) from indices[k] in [-extent, extent), or in [0, extent) alone, k = 0, 1...
// Buffers indices [count] of an integer dtype, rows [count]; extents extent, count; integers: the DType of indices; 1
// if negative ones count from the end. The first index outside is the data error index_out_of_range, and the rows from
// there on are not written.

// cumulative: out[o, k, i] combines x[o, 0..k, i] (in reverse: x[o, k.., i]) by sum, prod, max or min, in order.
// Integers wrap; NaN wins in max and min. Buffers x [outer, n, inner], out; extents outer, n, inner; integers: the
// DType (not bool), the kind (cumulative.h), 1 for reverse.

// linear_recurrence: out[o, k, i] = a[o, k, i] * out[o, k-1, i] + b[o, k, i], beginning with b[o, 0, i] (in reverse:
// from the last k down). Buffers a, b, out [outer, n, inner] of a float dtype; extents outer, n, inner; integers: the
// DType, 1 for reverse.

struct LibraryStatus {
  std::string name, version, detail;
  bool available = false;
};
std::vector<LibraryStatus> status();  // for `bitale doctor`

}  // namespace bitale::library
