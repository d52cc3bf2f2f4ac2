// The printed kernels compile with NVRTC, without spilling registers.
#include "compiler/codegen/cuda/nvrtc.h"

#include <cstdio>

#include "compiler/codegen/cuda/print.h"
#include "tests/support/catch.h"
#include "tests/support/kernel_samples.h"

using namespace bitale;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("printed kernels compile for sm_90 without spills") {
  const auto* nvrtc = codegen::cuda::Nvrtc::find();
  if (!nvrtc) {
    CHECK_THROWS_WITH(codegen::cuda::Nvrtc::get(), tests::contains("looked for"));
    std::printf("[SKIP] NVRTC not found\n");
    return;
  }
  for (const kernel::Kernel& k :
       {tests::bias_gelu(), tests::softmax(), tests::softmax(DType::f64), tests::padded_max(), tests::every_combiner(),
        tests::scatter_add(), tests::sum_all(), tests::reverse_rows(), tests::two_phases(), tests::sums_of_four(),
        tests::integers(DType::i8), tests::integers(DType::u8), tests::integers(DType::i16),
        tests::integers(DType::i32), tests::integers(DType::i64), tests::floats(DType::f32), tests::floats(DType::f64),
        tests::sums_in_16_bits()}) {
    const std::string text = codegen::cuda::print(k);
    const auto result = nvrtc->compile(text, "sm_90");
    CAPTURE(text, result.log);
    CHECK(result.compiled);
    // A line for each phase, and for each function of CUDA's library that is not inlined.
    const std::size_t functions = count(result.log, "bytes spill stores");
    CHECK(functions >= codegen::cuda::phases(k).size());
    CHECK(count(result.log, " 0 bytes spill stores, 0 bytes spill loads") == functions);
  }
}
