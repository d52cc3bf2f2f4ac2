// Contractions of float16 and bfloat16 operands, and of such beside float32: the interpreter, what the pipeline makes
// of them and compiled programs agree, on every instruction set.
#include "tests/support/half_products.h"

#include "runtime/device/cpu.h"
#include "tests/support/catch.h"
#include "tests/support/differential.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

void all_agree(DType a, DType b) {
  for (const HalfProduct& product : half_products(a, b))
    for (const Isa isa : executable_isas()) {
      DifferentialOptions options;
      options.isa = to_string(isa);
      options.threads = isa == executable_isas().back() ? 2 : 1;
      const Finding finding = differential(product.graph, options);
      INFO(product.name << ", " << options.isa << ": " << finding.kind);
      CHECK(finding.text == "");
    }
}

}  // namespace

TEST_CASE("products of float16", "[part0]") { all_agree(DType::f16, DType::f16); }
TEST_CASE("products of bfloat16", "[part1]") { all_agree(DType::bf16, DType::bf16); }
TEST_CASE("products of 16 bits and float32", "[part2]") {
  all_agree(DType::f16, DType::f32);
  all_agree(DType::f32, DType::bf16);
}
TEST_CASE("products of both kinds of 16 bits") { all_agree(DType::bf16, DType::f16); }
