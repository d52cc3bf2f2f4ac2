#include "runtime/base/version.h"

namespace bitale {

const char* version() { return BITALE_VERSION; }

}  // namespace bitale
