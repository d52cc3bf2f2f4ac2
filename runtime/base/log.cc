#include "runtime/base/log.h"

#include <cstdio>
#include <string>

#include "runtime/base/flags.h"

namespace bitale {

bool log_enabled(int level) { return flags().log >= level; }

void log(int level, std::string_view message) {
  if (!log_enabled(level)) return;
  std::string line = level == 1 ? "bitale: warning: " : "bitale: ";
  line += message;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace bitale
