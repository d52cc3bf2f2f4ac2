#include "compiler/codegen/cuda/print.h"
#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/support/kernel_samples.h"

using namespace bitale;
using namespace bitale::kernel;
using codegen::cuda::phases;
using codegen::cuda::print;
using tests::contains;

TEST_CASE("fused elementwise ops as CUDA text") {
  const std::string text = print(tests::bias_gelu());
  CHECK(text == tests::golden("cuda/bias_gelu.cu", text));
}

TEST_CASE("a row reduction as CUDA text") {
  const std::string text = print(tests::softmax());
  CHECK(text == tests::golden("cuda/softmax.cu", text));
}

TEST_CASE("how phases are launched") {
  const auto rows = phases(tests::softmax());
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].function == "softmax_phase0");
  CHECK(rows[0].team == codegen::cuda::Team::block);
  CHECK(rows[0].threads == 256);
  CHECK(rows[0].work == std::vector<Extent>{Extent::argument(0)});

  const auto flat = phases(tests::bias_gelu());
  CHECK(flat[0].team == codegen::cuda::Team::thread);
  CHECK(flat[0].work == std::vector<Extent>{Extent::argument(0), Extent::argument(1)});

  CHECK(phases(tests::two_phases()).size() == 2);
  CHECK(phases(tests::sums_of_four())[0].team == codegen::cuda::Team::thread);
  CHECK(phases(tests::reverse_rows())[0].threads == 64);
  CHECK(phases(tests::sum_all())[0].work.empty());
  CHECK(phases(tests::padded_max())[0].work == std::vector<Extent>{Extent::argument(0)});
}

TEST_CASE("names of buffers are made into identifiers of their own") {
  Builder b("names");
  const int x = b.buffer("exp", DType::f32, false), y = b.buffer("block 1.out", DType::f32, true);
  const int i = b.buffer("i", DType::f32, false), other = b.buffer("exp", DType::f32, false);
  b.loop(LoopKind::parallel, Extent::constant(4), [&](Scalar v) {
    const Index at{{}, {{v.id, Extent::constant(1)}}};
    b.store(y, at, call(ScalarOp::exp, {b.load(x, at)}) + b.load(i, at) + b.load(other, at));
  });
  const std::string text = print(b.kernel());
  CHECK_THAT(text, contains("(const float* exp_1, float* block_1_out, const float* i, const float* exp_2)"));
  CHECK_THAT(text, contains("for (int j = begin; j < 4; j += step)"));
}

TEST_CASE("constants keep their value") {
  Builder b("constants");
  const int y = b.buffer("y", DType::f64, true), n = b.buffer("n", DType::i64, true),
            f = b.buffer("f", DType::f32, true);
  b.store(y, {}, b.constant(0.1, DType::f64));
  b.store(n, {}, b.integer(INT64_MIN));
  b.store(f, {}, b.constant(16777216, DType::f32));
  const std::string text = print(b.kernel());
  CHECK_THAT(text, contains("y[0] = 0.1;"));
  CHECK_THAT(text, contains("n[0] = -9223372036854775807ll - 1;"));
  CHECK_THAT(text, contains("f[0] = 16777216.0f;"));
  CHECK_THAT(text, contains("if (blockIdx.x > 0 || threadIdx.x > 0) return;"));
}
