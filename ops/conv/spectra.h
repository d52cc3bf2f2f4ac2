// Spectra of planes and planes of spectra: fft2 and ifft2 of runtime/library/fft.h as ops.
#pragma once

#include "compiler/ir/op.h"

namespace bitale::ops {

using ir::Dim;
using ir::Tensor;

extern const ir::OpDef fft2_op;
extern const ir::OpDef ifft2_op;

// planes [g, r, h, w] -> [s0, s1/2 + 1, g, 2, r]: their discrete Fourier transforms over s0 x s1, zeros behind the
// planes; of the last axis the half that the other follows from. Axis 3 is the real and the imaginary part. s1 is even.
Tensor fft2(const Tensor& planes, std::int64_t s0, std::int64_t s1);
// spectra [s0, s1/2 + 1, g, 2, r] -> [g, r, h, w]: the first h x w of s0 x s1 elements of the inverse transform, times
// s0 * s1.
Tensor ifft2(const Tensor& spectra, std::int64_t s1, std::int64_t h, std::int64_t w);

}  // namespace bitale::ops
