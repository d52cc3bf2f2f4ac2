// Which build of the library is running.
#pragma once

#include <string>

namespace bitale::driver {

// The linker's build ids of this library, of the runtime and of the code generator's module (read from its file: it is
// not loaded). Part of cache keys: another build of Bitale does not read this one's entries.
const std::string& build_id();

}  // namespace bitale::driver
