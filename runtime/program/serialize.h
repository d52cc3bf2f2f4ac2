// One file per Program: the cache entry and the saved function. Little-endian, versioned, guarded by a 128-bit hash.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/program/program.h"

namespace bitale::program {

std::vector<std::uint8_t> serialize(const Program& program);

// Trusts nothing: a truncated, corrupt, foreign or newer file is an Error that says which, and an inconsistent Program
// one that says where. `origin` names the source in messages.
Program deserialize(std::span<const std::uint8_t> bytes, const std::string& origin);

}  // namespace bitale::program
