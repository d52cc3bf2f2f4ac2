// Process-wide settings, read from the environment once, at first use; see flags.def.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitale {

struct Flags {
#define BITALE_FLAG(name, type, fallback, help) type name = fallback;
#include "runtime/base/flags.def"
#undef BITALE_FLAG
};

// A malformed value is an Error that names the variable, its value and what was expected. Tests may change the flags.
Flags& flags();

struct FlagRow {
  std::string variable, fallback, value, help;
};
std::vector<FlagRow> flag_rows();

}  // namespace bitale
