// Initial values of parameters, float32 or float64. Those that are drawn come from a generator of NumPy's numbers,
// which draws as many for either.
#pragma once

#include "models/data/numpy_random.h"
#include "runtime/memory/array.h"

namespace bitale::models {

// `size` times the same number.
Array filled(std::int64_t size, double value, DType dtype);

// Uniform within sqrt(6 / (fan_in + fan_out)) of zero.
Array glorot(NumpyRandom& random, std::int64_t fan_in, std::int64_t fan_out, Extents shape, DType dtype = DType::f32);

// The left singular vectors of an [n, n] matrix of normal numbers.
Array orthogonal(NumpyRandom& random, std::int64_t n, DType dtype = DType::f32);

// Orthogonal matrices side by side, [n, count * n]: `count` different ones, or one of them `count` times.
enum class Blocks : std::uint8_t { repeated, independent };
Array orthogonal_blocks(NumpyRandom& random, std::int64_t n, std::int64_t count, Blocks blocks,
                        DType dtype = DType::f32);

}  // namespace bitale::models
