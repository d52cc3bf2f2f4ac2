// Packing of live intervals into one range of addresses.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bitale::program {

// Bytes that are needed from step `first` to step `last`, both included.
struct Item {
  std::int64_t bytes = 0;
  int first = 0, last = 0;
};

struct Fit {
  std::vector<std::int64_t> offsets;
  std::int64_t total = 0;
};

// Items whose intervals meet do not overlap. Largest first, each into the smallest gap that holds it.
Fit best_fit(std::span<const Item> items);

}  // namespace bitale::program
