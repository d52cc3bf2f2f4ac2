#pragma once

namespace bitale::tests {

// Built with a sanitizer. It does not see generated code, and what it sees takes several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace bitale::tests
