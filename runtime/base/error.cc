#include "runtime/base/error.h"

namespace bitale {

void throw_internal(const char* condition, const char* file, int line, const std::string& detail) {
  throw InternalError("internal error: " + detail + " [" + condition + " at " + file + ":" + std::to_string(line) +
                      "]");
}

}  // namespace bitale
