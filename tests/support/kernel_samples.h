// Kernels that several tests look at, one per shape of loops.
#pragma once

#include <vector>

#include "compiler/kernel/builder.h"

namespace bitale::tests {

// y[r, :] = softmax(x[r, :]) for e0 rows of e1 elements.
kernel::Kernel softmax(DType type = DType::f32);

// y[r, c] = gelu(x[r, c] + bias[c]) * scale for e0 rows of e1 elements.
kernel::Kernel bias_gelu();

// y[i] = max of x[2i-1 .. 2i+1], padded with -inf; e0 results of e1 elements.
kernel::Kernel padded_max();

// Every combiner over each row of x[e0, e1], into one buffer per combiner.
kernel::Kernel every_combiner();

// table[rows[i], :] += x[i, :] for e0 rows of e1 elements, in order.
kernel::Kernel scatter_add();

// The sum of all e0 elements of x, without a parallel loop.
kernel::Kernel sum_all();

// y[r, :] = x[r, reversed] through scratch of 48 elements; e0 rows.
kernel::Kernel reverse_rows();

// Two phases: t = x * x; y[i] = t[e0 - 1 - i], and a Let at the top.
kernel::Kernel two_phases();

// The sums of groups of four: a vector loop too short for a block. e0 groups.
kernel::Kernel sums_of_four();

// Integer instructions on a[e0] and b[e0], one buffer of results per instruction.
kernel::Kernel integers(DType type);

// Float instructions on a[e0] and b[e0] that have one meaning everywhere, one buffer of results per instruction.
kernel::Kernel floats(DType type);

// Of float16 a[e0] and bfloat16 b[e0] the sums, in both.
kernel::Kernel sums_in_16_bits();

}  // namespace bitale::tests
