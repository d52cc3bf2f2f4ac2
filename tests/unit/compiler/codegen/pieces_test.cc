// The code of a kernel or leaf does not depend on what is generated with it, nor on names.

#include "compiler/codegen/codegen.h"
#include "compiler/codegen/link.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/kernel_samples.h"

namespace bitale::codegen {
namespace {

std::vector<kernel::Kernel> samples() {
  return {tests::softmax(),           tests::bias_gelu(),    tests::padded_max(),      tests::every_combiner(),
          tests::scatter_add(),       tests::reverse_rows(), tests::two_phases(),      tests::sums_of_four(),
          tests::softmax(DType::f64), tests::sum_all(),      tests::floats(DType::f32)};
}

const std::vector<Leaf> leaves = {{DType::f32, 4, 16}, {DType::f64, 4, 8}};

}  // namespace

TEST_CASE("a piece is the same alone and in company") {
  for (const Isa isa : {Isa::v2, Isa::v3, Isa::v4})
    for (const bool quick : {false, true}) {
      std::vector<kernel::Kernel> kernels = samples();
      Request all{{}, leaves, isa, 2, quick};
      for (const kernel::Kernel& k : kernels) all.kernels.push_back(&k);
      const program::Blob together = code_of(all);
      for (std::size_t i = 0; i < kernels.size() + leaves.size(); ++i) {
        Request one{{}, {}, isa, 1, quick};
        if (i < kernels.size()) {
          kernels[i].name = "another";
          one.kernels = {&kernels[i]};
        } else {
          one.leaves = {leaves[i - kernels.size()]};
        }
        INFO(to_string(isa) << (quick ? ", quick, entry " : ", entry ") << i);
        CHECK((piece_of(together, i) == piece_of(code_of(one), 0)));
      }
    }
}

}  // namespace bitale::codegen
