// Checks of one op over its samples: value, derivatives of first and second order, batching, symbolic extents.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/ir/op.h"

namespace bitale::tests {

using Build = std::function<std::vector<ir::Tensor>(std::span<const ir::Tensor>)>;

// Values drawn for a sample: uniform in its range, from a fixed seed.
std::vector<Array> draw(const ir::Sample& sample, DType dtype);

// The outputs of `build` on these values. Extents are constants, or (symbolic) one symbol per axis.
std::vector<Array> run(const Build& build, std::span<const Array> values, bool prefer_reference = true,
                       bool symbolic = false);

// |a - b| <= tolerance * (1 + |b|) everywhere, NaN equal to NaN; dtypes and shapes equal.
void check_close(const Array& a, const Array& b, double tolerance);

// The op's element body or contraction agrees with its reference, in both float dtypes, with constant and symbolic
// extents.
void check_value(const ir::OpDef& op);
// vjp and jvp agree with central differences in float64, and so do those of the vjp.
void check_derivatives(const ir::OpDef& op, bool second = true);
// vmap agrees with a loop, for each batched input alone and for all, over constant and symbolic extents, 0 and 1 among
// them.
void check_batching(const ir::OpDef& op);

}  // namespace bitale::tests
