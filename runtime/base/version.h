#pragma once

namespace bitale {

// The library's version, as in "0.1.0".
const char* version();

}  // namespace bitale
