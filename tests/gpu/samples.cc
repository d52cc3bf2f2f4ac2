#include "tests/gpu/samples.h"

#include <cstdlib>

#include "compiler/eval/eval.h"
#include "tests/support/catch.h"

namespace bitale::tests {

std::vector<OpCase> device_cases(const ir::OpDef& op) {
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

}  // namespace bitale::tests
