// Every op's samples on the device of the tests against the interpreter.
#include <cstdio>
#include <cstdlib>

#include "tests/gpu/samples.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/sanitized.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// BITALE_TEST_SHARE=1/4: of the ops of a case every fourth, beginning with the second, so that more processes share
// them.
struct Share {
  std::size_t number = 0, of = 1;
};

Share share() {
  Share s;
  if (const char* text = std::getenv("BITALE_TEST_SHARE")) {
    REQUIRE(std::sscanf(text, "%zu/%zu", &s.number, &s.of) == 2);
    REQUIRE(s.number < s.of);
  }
  return s;
}

// Of every second op, beginning with number `part`.
void values_agree(std::size_t part) {
  const Backend backend = compiled_for(tested_device(), 2);
  const std::vector<const ir::OpDef*> ops = tested_ops();
  const auto [first, of] = share();
  const std::size_t step = sanitized ? 10 : 2;
  for (std::size_t number = part + first * step; number < ops.size(); number += of * step) {
    INFO(ops[number]->name);
    try {
      check_together(device_cases(*ops[number]), backend);
    } catch (const std::exception& e) {
      FAIL_CHECK(e.what());
    }
  }
}

}  // namespace

TEST_CASE("ops have the same values on the device: ops 0, 2, 4...", "[part0]") { values_agree(0); }
TEST_CASE("ops have the same values on the device: ops 1, 3, 5...") { values_agree(1); }
