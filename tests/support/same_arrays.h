// Checkpoints that are the same, to the bit.
#pragma once

#include "models/data/safetensors.h"
#include "tests/support/catch.h"

namespace bitale::tests {

inline void check_same(const models::NamedArrays& a, const models::NamedArrays& b) {
  CHECK(a.metadata == b.metadata);
  REQUIRE(a.arrays.size() == b.arrays.size());
  for (std::size_t i = 0; i < a.arrays.size(); ++i) {
    INFO(a.arrays[i].first);
    CHECK(a.arrays[i].first == b.arrays[i].first);
    CHECK(a.arrays[i].second.same_bits(b.arrays[i].second));
  }
}

}  // namespace bitale::tests
