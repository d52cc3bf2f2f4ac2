// Random digits, for what is compiled, checked or timed without data.
#pragma once

#include <cstdint>
#include <vector>

#include <bitale/bitale.h>

namespace bitale::models {

// Images [batch, 784] float32, uniform in [0, 1), and labels [batch] int32 below 10: a ModelRow's `sample`.
std::vector<Array> sample_digits(std::int64_t batch, std::int64_t steps, std::uint32_t seed);

}  // namespace bitale::models
