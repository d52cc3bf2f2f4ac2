// Contractions of plain matrices as calls of OpenBLAS. That results are right is tested with the generated candidate,
// in contraction_test.cc.
#include <atomic>

#include "runtime/base/flags.h"
#include "runtime/executor/executor.h"
#include "runtime/program/matrix_form.h"
#include "runtime/program/placement.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/executor/contraction_step.h"
#include "tests/unit/runtime/executor/kernels.h"
#include "tests/unit/runtime/executor/leaves.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;
using executor::Runnable;

namespace {

std::optional<MatrixForm> form(const std::vector<StepDim>& rows, const std::vector<StepDim>& columns,
                               const std::vector<StepDim>& depth) {
  Make m;
  const ContractionStep s = step_of(m, {}, rows, columns, depth);
  return matrix_form(s, evaluate_extents(m.p, {{}, {}, {}}));
}

std::atomic<int> micro_kernels_run = 0;
void counting_micro(std::int64_t kc, const void* a, const void* b, std::int64_t ldb, void* acc, std::int64_t ld,
                    std::int64_t accumulate, const Ahead* ahead) {
  ++micro_kernels_run;
  micro_leaf<float, 6, 16>(kc, a, b, ldb, acc, ld, accumulate, ahead);
}

// A product of 70 x 50 by 50 x 90.
Runnable product(ContractionCandidate candidate) {
  Make m;
  ContractionStep s = step_of(m, {}, {{70, 50, 0, 90}}, {{90, 0, 1, 1}}, {{50, 1, 90}});
  s.a = m.input("a", {m.constant(70 * 50)}, DType::f32);
  s.b = m.input("b", {m.constant(50 * 90)}, DType::f32);
  s.operands = {{m.output("out", {m.constant(70 * 90)}, DType::f32), -1, true, true}};
  s.tile = {6, 16, 0};
  s.epilogue = 1;
  s.candidate = candidate;
  s.workspace = m.buffer(Role::workspace, "workspace", {});
  for (int i = 0; i < 2; ++i) m.entry("leaf");
  m.step(s, "product");
  return Runnable(m.done(), {address(counting_micro), address(store_epilogue<float>)});
}

// Whether the generated micro-kernel had a part in a call on two threads.
bool runs_generated(const Runnable& f) {
  Array a(DType::f32, {70 * 50}), b(DType::f32, {50 * 90});
  for (float& v : a.view<float>()) v = 1;
  for (float& v : b.view<float>()) v = 2;
  micro_kernels_run = 0;
  const auto result = f.call(std::vector{a, b}, {}, {.threads = 2});
  for (const float v : result.outputs[0].view<float>()) REQUIRE(v == 100);
  return micro_kernels_run > 0;
}
bool runs_generated(ContractionCandidate candidate) { return runs_generated(product(candidate)); }

// Says of every key that it is known, or counts what is measured.
struct Fixed final : executor::TuningRecords {
  explicit Fixed(std::optional<executor::TuningRecord> r) : record(r) {}
  std::optional<executor::TuningRecord> find(const std::string&) override { return record; }
  void add(const std::string&, const executor::TuningRecord& r) override {
    record = r;
    ++added;
  }
  std::optional<executor::TuningRecord> record;
  int added = 0;
};

}  // namespace

TEST_CASE("the step's candidate runs, unless the flag names another") {
  CHECK(runs_generated(ContractionCandidate::generated));
  CHECK_FALSE(runs_generated(ContractionCandidate::openblas));
  flags().contraction = "openblas";
  CHECK_FALSE(runs_generated(ContractionCandidate::generated));
  flags().contraction = "generated";
  CHECK(runs_generated(ContractionCandidate::openblas));
  flags().contraction = "cublaslt";  // a device's
  CHECK_FALSE(runs_generated(ContractionCandidate::openblas));
  CHECK(runs_generated(ContractionCandidate::generated));
  flags().contraction = "mkl";
  CHECK_THROWS_WITH(runs_generated(ContractionCandidate::generated),
                    "BITALE_CONTRACTION is 'mkl', expected generated, openblas, tuned or cublaslt");
  flags().contraction.clear();
}

TEST_CASE("a tuned step runs the faster candidate on record") {
  for (const bool openblas_wins : {false, true}) {
    Runnable f = product(ContractionCandidate::tuned);
    f.tune_with(std::make_shared<Fixed>(executor::TuningRecord{2e-3, openblas_wins ? 1e-3 : 3e-3}));
    CHECK(runs_generated(f) == !openblas_wins);
    REQUIRE(f.choices().size() == 1);
    CHECK_FALSE(f.choices()[0].measured);
    CHECK_THAT(to_string(f.choices()[0]), contains(openblas_wins ? ", OpenBLAS (" : ", generated ("));
    CHECK_THAT(f.choices()[0].key, contains("float32 1x70x50x90 nn tile 6x16 threads 2"));
  }
}

TEST_CASE("a tuned step that is not on record is measured, once for each set of extents and threads") {
  const auto records = std::make_shared<Fixed>(std::nullopt);
  for (int i = 0; i < 2; ++i) {
    Runnable f = product(ContractionCandidate::tuned);
    f.tune_with(records);
    for (int call = 0; call < 2; ++call) runs_generated(f);  // checks the result
    REQUIRE(records->added == 1);
    CHECK(records->record->generated > 0);
    CHECK(records->record->openblas > 0);
    REQUIRE(f.choices().size() == 1);
    CHECK(f.choices()[0].measured == (i == 0));
  }
  flags().guard = true;
  records->record.reset();
  Runnable guarded = product(ContractionCandidate::tuned);
  guarded.tune_with(records);
  runs_generated(guarded);
  flags().guard = false;
  CHECK(records->added == 2);
}

TEST_CASE("plain matrices are row-major or column-major, with any leading dimension") {
  const auto plain = form({{7, 5}}, {{9, 0, 1}}, {{5, 1, 9}});
  REQUIRE(plain);
  CHECK((!plain->trans_a && !plain->trans_b && plain->lda == 5 && plain->ldb == 9));
  const auto transposed = form({{7, 1}}, {{9, 0, 5}}, {{5, 7, 1}});
  REQUIRE(transposed);
  CHECK((transposed->trans_a && transposed->trans_b && transposed->lda == 7 && transposed->ldb == 5));
  const auto wide = form({{7, 50}}, {{9, 0, 1}}, {{5, 1, 90}});
  REQUIRE(wide);
  CHECK((wide->lda == 50 && wide->ldb == 90));
  // dims that are one dim in memory; extents of 1, whatever their stride
  CHECK(form({{3, 20}, {4, 5}}, {{9, 0, 1}}, {{5, 1, 9}}));
  CHECK(form({{7, 5}}, {{9, 0, 1}}, {{5, 1, 9}, {1, 77, 77}}));
  const auto row = form({{1, 3}}, {{9, 0, 1}}, {{5, 1, 9}});
  REQUIRE(row);
  CHECK(row->lda == 5);
}

TEST_CASE("what is no product of plain matrices is left to the generated code") {
  CHECK_FALSE(form({{3, 30}, {4, 5}}, {{9, 0, 1}}, {{5, 1, 9}}));             // rows with a gap
  CHECK_FALSE(form({{7, 1}}, {{9, 0, 1}}, {{5, 1, 9}}));                      // a window that slides
  CHECK_FALSE(form({{7, 5}}, {{9, 0, 2}}, {{5, 1, 18}}));                     // every second column
  CHECK_FALSE(form({{7, 5}}, {{9, 0, 1}}, {{5, -1, 9}}));                     // backwards
  CHECK_FALSE(form({{7, 9}}, {{9, 0, 1}}, {{3, 3, 9}, {3, 1, 50}}));          // k is one dim of a, but not of b
  CHECK_FALSE(form({{7, 5}}, {{9, 0, 1}}, {{5, 0, 9}}));                      // a does not depend on k
  CHECK_FALSE(form({{7, 5}}, {{9, 0, 1}}, {{0, 1, 9}}));                      // sums of nothing
  CHECK_FALSE(form({{7, std::int64_t{1} << 33}}, {{9, 0, 1}}, {{5, 1, 9}}));  // beyond its integers
  Make m;
  ContractionStep s = step_of(m, {}, {{7, 5}}, {{9, 0, 1}}, {{5, 1, 9}});
  s.accumulating = true;
  CHECK_FALSE(matrix_form(s, evaluate_extents(m.p, {{}, {}, {}})));
}

TEST_CASE("a large result is computed in pieces of bounded size") {
  const auto large = form({{100000, 5}}, {{90000, 0, 1}}, {{5, 1, 90000}});
  REQUIRE(large);
  CHECK(large->columns <= 4096);
  CHECK(large->rows >= 64);
  CHECK(large->workspace_bytes < (std::int64_t{8} << 20));
}
