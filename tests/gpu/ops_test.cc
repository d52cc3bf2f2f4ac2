// Every op's samples on device "emulated" against the interpreter. The samples of an op are compiled together: a module
// costs the host's compiler about as much with one kernel as with fifty.
//
//   BITALE_GPU_VARIANTS=1     also all other extents, of which there are ten times as many
#include <cstdlib>

#include "compiler/eval/eval.h"
#include "tests/support/catch.h"
#include "tests/support/compiled_backend.h"
#include "tests/support/op_cases.h"
#include "tests/support/sanitized.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

std::vector<OpCase> cases_of(const ir::OpDef& op) {
  std::vector<OpCase> cases = op_cases(op);
  if (!std::getenv("BITALE_GPU_VARIANTS")) std::erase_if(cases, [](const OpCase& c) { return !c.variant.empty(); });
  return cases;
}

void check_together(const std::vector<OpCase>& cases, const Backend& backend) {
  std::vector<BuiltCase> built;
  std::vector<ir::Tensor> outputs;
  std::vector<eval::Binding> bindings;
  for (const OpCase& c : cases) {
    built.push_back(build(c));
    const auto of_case = built.back().bindings();
    outputs.insert(outputs.end(), built.back().outputs.begin(), built.back().outputs.end());
    bindings.insert(bindings.end(), of_case.begin(), of_case.end());
  }
  const std::vector<Array> got = backend.run(outputs, bindings);
  std::size_t next = 0;
  for (std::size_t k = 0; k < cases.size(); ++k) {
    INFO(cases[k].text());
    for (const Array& expected : eval::evaluate(built[k].outputs, built[k].bindings()))
      CHECK(difference(got[next++], expected, cases[k].sample.tolerance) == "");
  }
}

// Of every second op, beginning with number `part`.
void values_agree(std::size_t part) {
  const Backend backend = compiled_for("emulated", 2);
  const std::vector<const ir::OpDef*> ops = tested_ops();
  for (std::size_t number = part; number < ops.size(); number += sanitized ? 10 : 2) {
    INFO(ops[number]->name);
    try {
      check_together(cases_of(*ops[number]), backend);
    } catch (const std::exception& e) {
      FAIL_CHECK(e.what());
    }
  }
}

}  // namespace

TEST_CASE("ops have the same values on the emulated device: ops 0, 2, 4...", "[part0]") { values_agree(0); }
TEST_CASE("ops have the same values on the emulated device: ops 1, 3, 5...") { values_agree(1); }
