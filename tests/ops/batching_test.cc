// Every op's batching rule against a loop over the new axis: all operands batched, and each one alone.
#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// Compares one batched evaluation with `size` plain ones. Operands without the axis have the values of the first.
void check_batching(const OpCase& c, const std::vector<bool>& batched, std::int64_t size) {
  const BuiltCase first = build(c, 1);
  std::vector<std::vector<Array>> values(first.inputs.size());  // per operand, per place on the axis
  for (std::int64_t k = 0; k < size; ++k) {
    const BuiltCase other = build(c, static_cast<std::uint64_t>(k + 1));
    for (std::size_t i = 0; i < values.size(); ++i) values[i].push_back(batched[i] ? other.values[i] : first.values[i]);
  }
  std::vector<ir::Tensor> operands;
  std::vector<eval::Binding> bindings;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ir::TensorType type = first.inputs[i].type();
    if (batched[i]) type.shape.insert(type.shape.begin(), ir::Dim(size));
    operands.push_back(ir::input("batched" + std::to_string(i), type));
    bindings.push_back({operands[i], batched[i] ? stacked(values[i]) : first.values[i]});
  }
  const auto outputs = ad::vmap(first.outputs, first.inputs, operands, batched, ir::Dim(size));
  const auto got = eval::evaluate(outputs, bindings);
  for (std::int64_t k = 0; k < size; ++k) {
    std::vector<eval::Binding> plain;
    for (std::size_t i = 0; i < values.size(); ++i)
      plain.push_back({first.inputs[i], values[i][static_cast<std::size_t>(k)]});
    const auto expected = eval::evaluate(first.outputs, plain);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO("output " << i << ", place " << k);
      CHECK(difference(part(got[i], k), expected[i], c.sample.tolerance) == "");
    }
  }
}

}  // namespace

TEST_CASE("batching agrees with a loop") {
  for (const ir::OpDef* op : tested_ops()) {
    for (const OpCase& c : op_cases(*op)) {
      const std::size_t operands = c.sample.inputs.size();
      if (operands == 0 || c.dtype == DType::f32) continue;  // float64 and integers: nothing is lost to rounding
      for (std::size_t alone = 0; alone <= operands; ++alone) {
        if (operands == 1 && alone == 1) continue;
        std::vector<bool> batched(operands, alone == operands);
        if (alone < operands) batched[alone] = true;
        INFO(c.text() << (alone < operands ? " / operand " + std::to_string(alone) + " alone" : std::string()));
        try {
          check_batching(c, batched, 3);
        } catch (const std::exception& e) {
          FAIL_CHECK(e.what());
        }
      }
    }
  }
}
