// Which sanitizers this was built with: g++ and clang say so in different ways.
#pragma once

#if defined(__has_feature)
#define BITALE_CLANG_FEATURE(name) __has_feature(name)
#else
#define BITALE_CLANG_FEATURE(name) 0
#endif

namespace bitale {

#if defined(__SANITIZE_ADDRESS__) || BITALE_CLANG_FEATURE(address_sanitizer)
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__) || BITALE_CLANG_FEATURE(thread_sanitizer)
inline constexpr bool thread_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
#endif

}  // namespace bitale

#undef BITALE_CLANG_FEATURE
