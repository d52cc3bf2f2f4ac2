// Every op on float16 and bfloat16: the interpreter, what the pipeline makes of the samples, and compiled programs
// agree, and so they do on the gradients, as closely as 16 bits and the rounding at every op allow.
#include <algorithm>

#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "tests/support/catch.h"
#include "tests/support/differential.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;

namespace {

constexpr DType dtypes[] = {DType::f16, DType::bf16};

// The samples that are tested on float32, as they are.
std::vector<OpCase> cases_of(const ir::OpDef& op, DType dtype) {
  const bool single = op.dtypes.empty() || std::ranges::count(op.dtypes, DType::f32) > 0;
  std::vector<OpCase> cases;
  if (single && op.samples)
    for (const ir::Sample& sample : op.samples()) cases.push_back({&op, sample, dtype, "", false});
  return cases;
}

std::vector<Tensor> floats(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& t : tensors)
    if (is_floating(t.dtype())) out.push_back(t);
  return out;
}

// The same inputs, and the gradients of the sum of all floats.
BuiltCase gradients_of(BuiltCase built) {
  const std::vector<Tensor> outputs = floats(built.outputs), wrt = floats(built.inputs);
  std::vector<Tensor> dys;
  for (const Tensor& y : outputs) dys.push_back(ones_like(y));
  built.outputs.clear();
  if (outputs.empty() || wrt.empty()) return built;
  ad::GradOptions options;
  options.disconnected = ad::Disconnected::zero;
  built.outputs = ad::vjp(outputs, dys, wrt, options);
  for (std::size_t i = 0; i < wrt.size(); ++i) CHECK(built.outputs[i].dtype() == wrt[i].dtype());
  return built;
}

// The best instruction set on every sample, the least one, which has no instructions for float16, on values.
void agrees(const BuiltCase& built, bool gradients) {
  if (built.outputs.empty()) return;
  for (const char* isa : {"", "v2"}) {
    if (gradients && *isa) continue;
    DifferentialOptions options;
    options.isa = isa;
    if (gradients || *isa) options.levels = {2};
    const Finding finding = differential(built, options);
    INFO(isa << finding.kind);
    CHECK(finding.text == "");
  }
}

// Of every fourth op, beginning with number `part`.
void all_agree(std::size_t part) {
  const std::vector<const ir::OpDef*> ops = tested_ops();
  for (std::size_t number = part; number < ops.size(); number += 4)
    for (const DType dtype : dtypes)
      for (const OpCase& c : cases_of(*ops[number], dtype)) {
        INFO(c.text());
        try {
          const BuiltCase built = build(c);
          agrees(built, false);
          agrees(gradients_of(built), true);
        } catch (const std::exception& e) {
          FAIL_CHECK(e.what());
        }
      }
}

}  // namespace

TEST_CASE("ops agree in 16 bits: ops 0, 4, 8...", "[part0]") { all_agree(0); }
TEST_CASE("ops agree in 16 bits: ops 1, 5, 9...", "[part1]") { all_agree(1); }
TEST_CASE("ops agree in 16 bits: ops 2, 6, 10...", "[part2]") { all_agree(2); }
TEST_CASE("ops agree in 16 bits: ops 3, 7, 11...", "[part3]") { all_agree(3); }

TEST_CASE("a result in 16 bits is float32's, rounded once") {
  const ir::Shape shape{4, 6};
  for (const DType dtype : dtypes) {
    const Tensor x = ir::input("x", {dtype, shape}), wide = ir::input("w", {DType::f32, shape});
    const Array value = random_array(dtype, {4, 6}, -2, 2, 3), wide_value = value.cast(DType::f32);
    const auto results = [](const Tensor& t) {
      return std::vector<Tensor>{t * t, ir::sum(t, {1}), ir::dot(t, ir::transpose(t)), ir::max(t, {0}), t / 3.0};
    };
    const std::vector<eval::Binding> bindings{{x, value}}, wide_bindings{{wide, wide_value}};
    const auto got = eval::evaluate(results(x), bindings), expected = eval::evaluate(results(wide), wide_bindings);
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].dtype() == dtype);
      CHECK(got[i].same_bits(expected[i].cast(dtype)));
    }
  }
}
