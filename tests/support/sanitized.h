#pragma once

#include "runtime/base/sanitizers.h"

namespace bitale::tests {

// Built with a sanitizer. It does not see generated code, and what it sees takes several times as long.
inline constexpr bool sanitized = address_sanitizer || thread_sanitizer;

}  // namespace bitale::tests
