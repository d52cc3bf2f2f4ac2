// Messages on standard error, by level (flag BITALE_LOG): 1 warnings, 2 summaries, 3 passes, 4 rules.
#pragma once

#include <string_view>

namespace bitale {

bool log_enabled(int level);
void log(int level, std::string_view message);
inline void warn(std::string_view message) { log(1, message); }

}  // namespace bitale
