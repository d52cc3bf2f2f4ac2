// Two-dimensional real Fourier transforms of batches, by the FFT module of Eigen. Unscaled both ways.
//
//   fft2   spectra[k0, k1, g, 0 or 1, r] = real or imaginary part of
//              sum over i < H, j < W of planes[g, r, i, j] * exp(-2 pi i (i*k0/S0 + j*k1/S1)),  k0 < S0, k1 <= S1/2
//   ifft2  planes[g, r, i, j] = sum over k0 < S0 and all k1 < S1 of spectrum * exp(+2 pi i (i*k0/S0 + j*k1/S1)), where
//              what lies beyond S1/2 is the conjugate of its mirror image, and only the real part of the sums over k0
//              counts at k1 = 0 and k1 = S1/2
//
// Extents: G, R, H, W, S0, S1; H <= S0, W <= S1, S1 even. Integers: the DType, a float. Buffers: planes [G, R, H, W],
// spectra [S0, S1/2 + 1, G, 2, R] (fft2); the other way round (ifft2).
#pragma once

#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_fft(const std::string& name);  // null for a name that is not its
double fft_work(std::span<const std::int64_t> extents);

}  // namespace bitale::library
