#include <set>

#include "bench/study/plan/estimate.h"
#include "bench/study/plan/limits.h"
#include "bench/study/plan/worker.h"
#include "frontends/cpp/command.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::bench;
using bitale::tests::contains;

namespace {

StudyPlan plan_of(std::vector<int> tables, std::vector<int> figures, std::vector<int> threads = {1, 2}) {
  return {
      .tables = std::move(tables), .figures = std::move(figures), .threads = std::move(threads), .devices = {"cpu"}};
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += word + " ";
  return line;
}

}  // namespace

TEST_CASE("a plan has what its tables and figures need, each once") {
  const std::vector<StudyCell> cells = plan_of({3}, {1}).cells();
  std::set<std::string> keys;
  for (const StudyCell& cell : cells) keys.insert(cell.key());
  CHECK(keys.size() == cells.size());
  CHECK(cells.size() == 12);  // six batch sizes, of which the table's is one, with one and two threads
  CHECK(keys.contains("run lenet cpu batch 64 threads 2 calls 200+200"));
  CHECK(cells.front().batch == 32);
  CHECK(cells.back().batch == 1024);
  CHECK(cells.back().threads == 1);  // which takes longest

  CHECK(plan_of({4}, {2}, {1}).cells().size() == 6);  // three variants, and three more batch sizes of one
  CHECK(plan_of({5}, {}, {1}).cells().size() == 4);
  CHECK(plan_of({8}, {}, {1, 2}).cells().size() == 4);
  CHECK_THROWS_AS(plan_of({2}, {}).cells(), UsageError);
}

TEST_CASE("devices, batch sizes and the pace are part of a plan") {
  StudyPlan plan = plan_of({}, {1});
  plan.devices = {"cpu", "cuda"};
  plan.batches = {8};
  plan.quick = true;
  const std::vector<StudyCell> cells = plan.cells();
  REQUIRE(cells.size() == 3);  // a GPU is not measured with several numbers of threads
  for (const StudyCell& cell : cells)
    CHECK_THAT(cell.key(), contains(cell.device == "cpu" ? "calls 2+5 in 20 s" : "calls 3+5 in 20 s"));
  plan.budget_s = 3;
  CHECK(plan.cells()[0].key().ends_with("calls 2+5 in 3 s"));
  CHECK(plan.cells()[0].title() == "LeNet, batch 8, 2 threads");
}

TEST_CASE("a measurement's process is told all of it") {
  StudyPlan plan = plan_of({3, 5, 8}, {});
  const StudySubject& sae = find_subject("sae_large");
  StudyCell cell = plan.run(sae, sae.steps[1], 64, 2, "cpu");
  cell.pace = {3, 4, 1.5};
  CHECK(joined(worker_command(cell)) ==
        "study-run sae --threads 2 --variant large --step ae2 --batch 64 --warmup 3 --iterations 4 --budget 1.5 ");
  CHECK(joined(worker_command(plan.compilation(find_subject("lstm"), "cpu"))) == "study-compile lstm --threads 2 ");
}

TEST_CASE("what a machine cannot measure, it says") {
  const Machine machine{.cpu = "x", .cpus = 2, .cores = 1};
  StudyCell cell{.subject = "lenet", .batch = 64, .threads = 2};
  CHECK(why_not(cell, machine).empty());
  cell.threads = 3;
  CHECK(why_not(cell, machine) == "3 threads on 2 CPUs");
  cell.device = "cuda:77";
  CHECK_THAT(why_not(cell, machine), contains("device 'cuda"));
  cell.device = "emulated";
  CHECK(why_not(cell, machine).empty());
  cell.batch = 32;
  CHECK_THAT(why_not(cell, machine), contains("nothing is timed there"));
  CHECK_THAT(why_not({.kind = StudyKind::compile, .subject = "lenet", .device = "emulated"}, machine),
             contains("the host's C++ compiler"));
}

TEST_CASE("a GPU is measured in TF32 where that is asked for, and the emulated device only compared") {
  StudyPlan plan = plan_of({3, 5, 6}, {});
  plan.devices = {"cpu", "cuda:1", "emulated"};
  plan.tf32 = true;
  plan.budget_s = 2;
  const StudySubject &lenet = find_subject("lenet"), &sae = find_subject("sae_large"), &lstm = find_subject("lstm");
  const StudyCell cpu = plan.run(lenet, lenet.steps[0], 64, 1, "cpu");
  CHECK_FALSE(cpu.tf32);
  const StudyCell gpu = plan.run(lenet, lenet.steps[0], 64, 1, "cuda:1");
  CHECK(gpu.key() == "run lenet cuda:1 tf32 batch 64 threads 1 calls 200+200 in 2 s");
  CHECK(gpu.title() == "LeNet, batch 64, cuda:1 in TF32");
  CHECK(joined(worker_command(gpu)) ==
        "study-run lenet --threads 1 --device cuda:1 --tf32 --batch 64 --warmup 200 "
        "--iterations 200 --budget 2 ");
  CHECK(plan.run(lstm, lstm.steps[0], 16, 1, "cuda:1").pace.warmup == 3);  // epochs; the protocol has one
  CHECK(joined(worker_command(plan.compilation(lenet, "cuda:1"))) ==
        "study-compile lenet --threads 2 --device cuda:1 --tf32 ");
  CHECK(joined(worker_command(plan.run(sae, sae.steps[0], 64, 1, "emulated"))) ==
        "bench-check sae --threads 1 --device emulated --variant large --step ae1 --batch 2 ");
  CHECK(joined(worker_command(plan.run(lstm, lstm.steps[0], 16, 1, "emulated"))) ==
        "bench-check lstm --threads 1 --device emulated --batch 2 --batch-steps 3 ");
}

TEST_CASE("estimates follow work and peak first, then what was measured") {
  StudyEstimate estimate([](int threads) { return 100.0 * threads; });
  const StudyPlan plan = plan_of({3, 6}, {});
  const auto of = [&](const char* key, std::int64_t batch, int threads) {
    return plan.run(find_subject(key), find_subject(key).steps[0], batch, threads, "cpu");
  };
  const double one = estimate.seconds(of("lenet", 1024, 1)), two = estimate.seconds(of("lenet", 1024, 2));
  // 400 calls of both functions, 17.77 MFLOP for each of 1024 examples, at 40 GFLOP/s.
  CHECK(one == Approx(1.2 + 400 * 1024 * 17.768e-3 / 40));
  CHECK(two - 1.2 == Approx((one - 1.2) / 2));
  const double lstm = estimate.seconds(of("lstm", 16, 1));
  CHECK(lstm == Approx(1.2 + 6 * 124 * 16 * 74.66235e-3 / 40));

  estimate.learn(of("lenet", 1024, 1), 3 * one);
  CHECK(estimate.seconds(of("lenet", 1024, 2)) == Approx(3 * two));
  CHECK(estimate.seconds(of("lstm", 16, 1)) == Approx(3 * lstm));
  estimate.learn(of("lstm", 16, 1), lstm);
  CHECK(estimate.seconds(of("lstm", 16, 1)) == Approx(lstm));
  CHECK(estimate.seconds(of("lenet", 1024, 2)) == Approx(3 * two));

  StudyCell limited = of("lenet", 1024, 1);
  limited.pace.budget_s = 5;
  CHECK(estimate.seconds(limited) == Approx(6.2));
}

TEST_CASE("durations") {
  CHECK(duration_text(0) == "0:00");
  CHECK(duration_text(64.2) == "1:05");
  CHECK(duration_text(7400) == "2:03:20");
}
