// Initial values of parameters, float32, drawn with a generator of NumPy's numbers.
#pragma once

#include "models/data/numpy_random.h"
#include "runtime/memory/array.h"

namespace bitale::models {

// Uniform within sqrt(6 / (fan_in + fan_out)) of zero.
Array glorot(NumpyRandom& random, std::int64_t fan_in, std::int64_t fan_out, Extents shape);

// The left singular vectors of an [n, n] matrix of normal numbers.
Array orthogonal(NumpyRandom& random, std::int64_t n);

// Orthogonal matrices side by side, [n, count * n]: `count` different ones, or one of them `count` times.
enum class Blocks : std::uint8_t { repeated, independent };
Array orthogonal_blocks(NumpyRandom& random, std::int64_t n, std::int64_t count, Blocks blocks);

}  // namespace bitale::models
