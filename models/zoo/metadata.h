// Numbers in the metadata of a checkpoint: text that reads back to the same bits.
#pragma once

#include <cstdint>
#include <string>

#include "models/data/safetensors.h"
#include "models/zoo/score.h"

namespace bitale::models {

std::string number_text(std::int64_t value);
std::string number_text(double value);

// The number at `key`; T is std::int64_t or double. Error if it is missing, or is not a finite number, or is negative
// where it may not be; `file` is the file's name in messages.
enum class Sign : std::uint8_t { none, any };
template <class T>
T number(const NamedArrays& checkpoint, const std::string& key, const std::string& file, Sign sign = Sign::none);

// A score at the keys that begin with `prefix`.
void put(NamedArrays& checkpoint, const std::string& prefix, const Score& score);
Score score_of(const NamedArrays& checkpoint, const std::string& prefix, const std::string& file);

// Error if the number at `key` is not ours.
void require_same(std::int64_t ours, const NamedArrays& checkpoint, const std::string& key, const std::string& file);

}  // namespace bitale::models
