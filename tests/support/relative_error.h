// How far an array is from another, by the norm over all elements.
#pragma once

#include <algorithm>
#include <cmath>

#include "runtime/memory/array.h"
#include "tests/support/catch.h"

namespace bitale::tests {

// |a - b| / |b|. Requires equal shapes.
inline double relative_error(const Array& a, const Array& b) {
  REQUIRE(a.shape() == b.shape());
  double difference = 0, length = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    difference += (a.at(i) - b.at(i)) * (a.at(i) - b.at(i));
    length += b.at(i) * b.at(i);
  }
  return std::sqrt(difference) / std::max(std::sqrt(length), 1e-12);
}

}  // namespace bitale::tests
