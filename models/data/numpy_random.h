// The numbers of NumPy's RandomState(seed), its uniform and randn: initial values that can be compared with programs
// that use NumPy.
#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "runtime/memory/array.h"

namespace bitale::models {

class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed) : engine_(seed) {}

  double uniform();                         // [0, 1), 53 random bits
  double uniform(double low, double high);  // [low, high)
  std::int32_t below(std::int32_t bound);   // floor(uniform() * bound): not NumPy's randint
  double normal();                          // mean 0, deviation 1
  // Drawn in row-major order, float32 or float64.
  Array uniform(double low, double high, Extents shape, DType dtype = DType::f32);
  Array normal(double deviation, Extents shape, DType dtype = DType::f32);

 private:
  std::mt19937 engine_;
  std::optional<double> second_;  // normal numbers are made in pairs
};

}  // namespace bitale::models
