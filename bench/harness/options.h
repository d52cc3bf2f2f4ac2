// What the measuring commands share on their command lines and in what they write.
#pragma once

#include <string>
#include <vector>

#include "runtime/device/cpu.h"

namespace bitale::bench {

// The instruction set of this name. UsageError that lists those this CPU executes.
Isa executable_isa(const std::string& name);

// Those of these names; without names, all that this CPU executes from v3 on (v2 if there is no other).
std::vector<Isa> isas_to_measure(const std::vector<std::string>& names);

inline constexpr const char* json_help =
    "write the figures to this file as JSON ('-': standard output, and nothing else there)";

// `text` to the file, or to standard output if `path` is "-". Error if it cannot be written.
void write_text(const std::string& path, const std::string& text);

std::string building_compiler();  // "g++ 12.2.0": what built this program

}  // namespace bitale::bench
