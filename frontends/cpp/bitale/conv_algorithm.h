// What computes convolutions: an option of a convolution, and of a function for all that name none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bitale {

// docs/convolutions.md says what each is and what it cannot compute.
//   automatic      what the function asks for, else what is expected to be fastest
//   implicit_gemm  a contraction whose index maps are the windows'
//   im2col         patch matrices, and OpenBLAS
//   direct         the sum as it stands, without packing
//   winograd       small tiles by polynomial interpolation: windows of 3 and 5 elements, stride 1
//   fft            products of spectra: stride 1
//   cudnn          NVIDIA's library, on its GPUs
enum class ConvAlgorithm : std::uint8_t { automatic, implicit_gemm, im2col, direct, winograd, fft, cudnn };
const char* to_string(ConvAlgorithm algorithm);

// By name. Error that lists the names.
ConvAlgorithm conv_algorithm(std::string_view name);
std::string conv_algorithm_names();  // "automatic, implicit_gemm, ..."

}  // namespace bitale
