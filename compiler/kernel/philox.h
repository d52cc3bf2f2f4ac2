// Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1,
// 2, 3" (2011). The constants are those of the paper.
#pragma once

#include <array>
#include <cstdint>

namespace bitale::kernel {

inline constexpr std::array<std::uint32_t, 2> philox_multipliers{0xD2511F53u, 0xCD9E8D57u};
inline constexpr std::array<std::uint32_t, 2> philox_key_steps{0x9E3779B9u, 0xBB67AE85u};
inline constexpr int philox_rounds = 10;

constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < philox_rounds; ++round) {
    const std::uint64_t p0 = std::uint64_t{philox_multipliers[0]} * c[0];
    const std::uint64_t p1 = std::uint64_t{philox_multipliers[1]} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += philox_key_steps[0];
    key[1] += philox_key_steps[1];
  }
  return c;
}

// The scalar instruction: the first two words of the block, the first one in the low half.
constexpr std::uint64_t philox(std::uint64_t key, std::uint64_t counter, std::uint64_t index) {
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  const auto words = philox4x32({low(index), high(index), low(counter), high(counter)}, {low(key), high(key)});
  return words[0] | std::uint64_t{words[1]} << 32;
}

}  // namespace bitale::kernel
