#include "models/data/numpy_random.h"

#include <cmath>
#include <utility>

namespace bitale::models {

double NumpyRandom::uniform() {
  const auto high = static_cast<double>(engine_() >> 5), low = static_cast<double>(engine_() >> 6);
  return (high * 67108864.0 + low) / 9007199254740992.0;  // 27 and 26 bits: 2^26, 2^53
}

double NumpyRandom::uniform(double low, double high) { return low + (high - low) * uniform(); }

std::int32_t NumpyRandom::below(std::int32_t bound) { return static_cast<std::int32_t>(uniform() * bound); }

// The polar method, in the order of RandomState: the second number of a pair comes first.
double NumpyRandom::normal() {
  if (second_) return *std::exchange(second_, std::nullopt);
  double x = 0, y = 0, radius = 0;
  do {
    x = 2 * uniform() - 1;
    y = 2 * uniform() - 1;
    radius = x * x + y * y;
  } while (radius >= 1 || radius == 0);
  const double factor = std::sqrt(-2 * std::log(radius) / radius);
  second_ = factor * x;
  return factor * y;
}

namespace {

template <class Draw>
Array filled(DType dtype, Extents shape, const Draw& draw) {
  Array values(computed_as(dtype), std::move(shape));
  const auto fill = [&]<class T>(std::span<T> elements) {
    for (T& v : elements) v = static_cast<T>(draw());
  };
  dtype == DType::f64 ? fill(values.view<double>()) : fill(values.view<float>());
  return is_only_stored(dtype) ? values.cast(dtype) : values;
}

}  // namespace

Array NumpyRandom::uniform(double low, double high, Extents shape, DType dtype) {
  return filled(dtype, std::move(shape), [&] { return uniform(low, high); });
}

Array NumpyRandom::normal(double deviation, Extents shape, DType dtype) {
  return filled(dtype, std::move(shape), [&] { return deviation * normal(); });
}

}  // namespace bitale::models
