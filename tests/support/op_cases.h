#pragma once

// The generated op tests: every registered op x sample x dtype x variant of the extents, on every backend.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/ir/op.h"

namespace bitale::tests {

// A sample with its dtype and extents chosen.
struct OpCase {
  const ir::OpDef* op = nullptr;
  ir::Sample sample;
  DType dtype = DType::f32;  // the dtype under test
  std::string variant;       // empty: the sample's own extents; "3 -> 0": each extent 3 replaced
  bool symbolic = false;     // operands get symbolic extents, one symbol for each extent that differs

  bool is_variant() const { return symbolic || !variant.empty(); }
  std::string text() const;  // "sum / rows / float32 / 3 -> 0"
};

// A case's graph and values for its operands. Values depend on the case and `seed` alone.
struct BuiltCase {
  std::vector<ir::Tensor> inputs, outputs;
  std::vector<Array> values;

  std::vector<eval::Binding> bindings() const;
};

// Throws Error where the op rejects the extents.
BuiltCase build(const OpCase& c, std::uint64_t seed = 1);

// All cases of an op: samples x dtypes, each as it is, with symbolic extents, and with each of its extents replaced by
// 0 and by 1. Variants that the op rejects, while the graph is built or for its values, are left out; the sample as it
// is must do.
std::vector<OpCase> op_cases(const ir::OpDef& op);

// The ops that there are, without those that have nothing to test (inputs and Shared); of these, what the environment
// variable BITALE_TEST_OPS lists ("sort,argsort"), for work on one op.
std::vector<const ir::OpDef*> tested_ops();

// Something that computes values of a graph. Every backend is compared with the interpreter, which runs references
// where there are any.
struct Backend {
  std::string name;
  std::function<std::vector<Array>(std::span<const ir::Tensor> outputs, std::span<const eval::Binding> bindings)> run;
  bool variants = true;  // also for samples of other extents than their own
};
const std::vector<Backend>& backends();

// What differences of values of this dtype are measured in, relatively: more than rounding does, less than a fault.
double unit_of(DType floating);

// An empty string if both are equal to within `tolerance` times what their dtype allows (integers: exactly; NaN equals
// NaN), else what differs where.
std::string difference(const Array& got, const Array& expected, double tolerance = 1);

// Uniform values in [low, high], whole numbers for integers; deterministic.
Array random_array(DType dtype, const Extents& shape, double low, double high, std::uint64_t seed);

// Stacks arrays of one type along a new leading axis; and the parts again.
Array stacked(std::span<const Array> parts);
Array part(const Array& whole, std::int64_t index);

}  // namespace bitale::tests
