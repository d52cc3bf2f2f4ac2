// The frame of a serialised Program: magic, versions, length and hash of the payload.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitale::program {

inline constexpr std::uint32_t format_version = 12;

// The payload with its header before it.
std::vector<std::uint8_t> seal(std::span<const std::uint8_t> payload);

// The payload; an Error if the bytes are not a whole, uncorrupted file of this version.
std::span<const std::uint8_t> unseal(std::span<const std::uint8_t> bytes, const std::string& origin);

}  // namespace bitale::program
