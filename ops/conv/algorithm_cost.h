// What each algorithm is expected to take for a convolution: how automatic ones are chosen.
#pragma once

#include <array>
#include <string>

#include "ops/conv/algorithm.h"

namespace bitale::ops {

struct Estimate {
  ConvAlgorithm algorithm = ConvAlgorithm::implicit_gemm;
  double seconds = 0;  // on one thread of the CPU that algorithm_cost.cc names
  std::string text;    // "3.1 ms expected, of winograd 2.0": why it was chosen
};

// Expected to be the fastest of those that can compute the call; extents that are not constants count as 32.
Estimate cheapest(const ConvCall& call);
// How long the algorithm is expected to take. It must be able to compute the call.
double expected_seconds(const ConvCall& call, ConvAlgorithm algorithm);

// The tiles that winograd cuts results into: rows, columns. It must be able to compute the call.
std::array<std::int64_t, 2> winograd_tile(const ConvCall& call);
// The extents that fft computes at, at least those of the image.
std::array<std::int64_t, 2> fft_extents(const ConvCall& call);

// Whether an H100's tensor cores may compute it, and are expected to gain more than the launches cost that a generated
// function does without (an extent that only the call knows counts as 32). The rates are assumed: gpu_rates.h.
bool gains_by_tensor_cores(const ConvCall& call);

}  // namespace bitale::ops
