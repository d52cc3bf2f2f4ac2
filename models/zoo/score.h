// How well a network does on some examples.
#pragma once

#include <cstdint>

namespace bitale::models {

// The mean loss and the share of right answers.
struct Score {
  double loss_sum = 0;
  std::int64_t right = 0, examples = 0;

  double loss() const { return examples > 0 ? loss_sum / static_cast<double>(examples) : 0; }
  double accuracy() const { return examples > 0 ? static_cast<double>(right) / static_cast<double>(examples) : 0; }
  // More right answers, or as many and less loss, on the same examples.
  bool better_than(const Score& other) const {
    return right != other.right ? right > other.right : loss_sum < other.loss_sum;
  }
  bool operator==(const Score&) const = default;
};

}  // namespace bitale::models
