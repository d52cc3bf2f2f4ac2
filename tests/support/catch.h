#pragma once

// Catch2 for all tests, version 2 or 3. Where the two differ, tests use what is defined here.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

#include <string>

namespace bitale::tests {

// Matcher: the text contains `part`, as in REQUIRE_THROWS_WITH(dot(a, b), contains("784")).
inline auto contains(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

}  // namespace bitale::tests
