// The numbers of NumPy's RandomState(seed).uniform: initial values that can be compared with programs that use NumPy.
#pragma once

#include <cstdint>
#include <random>

#include "runtime/memory/array.h"

namespace bitale::models {

class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed) : engine_(seed) {}

  double uniform();                                       // [0, 1), 53 random bits
  double uniform(double low, double high);                // [low, high)
  std::int32_t below(std::int32_t bound);                 // floor(uniform() * bound): not NumPy's randint
  Array uniform(double low, double high, Extents shape);  // float32, drawn in row-major order

 private:
  std::mt19937 engine_;
};

}  // namespace bitale::models
