// Arrays of one value.
#pragma once

#include <bitale/bitale.h>

namespace bitale::tests {

inline Array filled(float value, Extents shape) {
  Array a(float32, std::move(shape));
  for (float& v : a.view<float>()) v = value;
  return a;
}

// Whether all elements of a float32 Array are this value.
inline bool all(const Array& a, float value) {
  for (const float v : a.view<float>())
    if (v != value) return false;
  return true;
}

}  // namespace bitale::tests
