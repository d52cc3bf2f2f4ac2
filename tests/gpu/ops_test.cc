// Every op's samples on the device of the tests against the interpreter.
#include "tests/gpu/samples.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/sanitized.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// Of every second op, beginning with number `part`.
void values_agree(std::size_t part) {
  const Backend backend = compiled_for(tested_device(), 2);
  const std::vector<const ir::OpDef*> ops = tested_ops();
  for (std::size_t number = part; number < ops.size(); number += sanitized ? 10 : 2) {
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
