// What the ops have in common that compute any of the three convolutions by a library call, over two spatial axes: the
// convolution's parameters and which of its sides is computed, a library::Im2colSide, from the other two.
#pragma once

#include <array>
#include <functional>

#include "ops/conv/algorithm.h"

namespace bitale::ops {

// The convolution that computes a side from the two operands.
Tensor conv_of_side(std::int64_t side, const ConvParams& params, const Tensor& a, const Tensor& b);
// What its type is for an op of these arguments, whose errors are then the convolution's.
ir::TensorType type_of_side(const ir::TypeArgs& args, std::int64_t side, const ConvParams& params, const Tensor& a,
                            const Tensor& b);
std::int64_t side_of(const ConvCall& call);
std::array<Tensor, 2> operands_of(const ConvCall& call);

// What runtime/library/im2col.h lists first: extents but the last, and all integers.
std::vector<Dim> one_side_extents(const ConvCall& call);
std::vector<std::int64_t> one_side_integers(const ConvCall& call);
Dim one_side_flops(const ConvCall& call);

// Samples of the convolutions with two spatial axes, computed so: with the slice that reads a computed image, if there
// is one (null: none), which is then what is computed.
using ComputeSide = std::function<Tensor(const ConvCall&, const ir::SliceParams* slice)>;
std::vector<ir::Sample> one_side_samples(const ComputeSide& compute, double tolerance);

}  // namespace bitale::ops
