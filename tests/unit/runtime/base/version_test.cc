#include "runtime/base/version.h"

#include <regex>

#include "tests/support/catch.h"

TEST_CASE("the version has three numbers") {
  CHECK(std::regex_match(bitale::version(), std::regex("[0-9]+\\.[0-9]+\\.[0-9]+")));
}
