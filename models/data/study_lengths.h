// The sequences of the 2015 comparative study's LSTM benchmark: lengths of real reviews, random words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/data/batches.h"

namespace bitale::models {

inline constexpr std::int64_t study_batch = 16;
inline constexpr std::int32_t study_vocabulary = 10000;

// How many words each of the study's 1,989 reviews has, in the study's order: ascending.
std::vector<std::int64_t> study_lengths();

// One length a line, no header. Error that names the line if it is not a whole number from 1 to 10,000.
std::vector<std::int64_t> parse_lengths(std::string_view text, const std::string& name);

// The lengths of each batch: `batch` of them in a row, the last ones only if they fill a batch or `include_remainder`.
std::vector<std::vector<std::int64_t>> batches_of(std::span<const std::int64_t> lengths, std::int64_t batch,
                                                  bool include_remainder = false);

// What an epoch costs when each batch is as long as its longest sequence.
struct EpochSize {
  std::int64_t batches = 0, steps = 0, tokens = 0;  // tokens: steps times sequences, padding included
  bool operator==(const EpochSize&) const = default;
};
EpochSize epoch_size(std::span<const std::vector<std::int64_t>> batches);

// Sequences of these lengths for Batches, with uniformly random ids from 1 to 9,999 and labels 0 and 1: the same on
// every machine, not those of the study's programs, each of which draws its own.
std::vector<Sequence> random_sequences(std::span<const std::int64_t> lengths, std::uint32_t seed);

}  // namespace bitale::models
