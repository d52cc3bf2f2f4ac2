#include "models/data/numpy_random.h"

namespace bitale::models {

double NumpyRandom::uniform() {
  const auto high = static_cast<double>(engine_() >> 5), low = static_cast<double>(engine_() >> 6);
  return (high * 67108864.0 + low) / 9007199254740992.0;  // 27 and 26 bits: 2^26, 2^53
}

double NumpyRandom::uniform(double low, double high) { return low + (high - low) * uniform(); }

std::int32_t NumpyRandom::below(std::int32_t bound) { return static_cast<std::int32_t>(uniform() * bound); }

Array NumpyRandom::uniform(double low, double high, Extents shape) {
  Array values(DType::f32, std::move(shape));
  for (float& v : values.view<float>()) v = static_cast<float>(uniform(low, high));
  return values;
}

}  // namespace bitale::models
