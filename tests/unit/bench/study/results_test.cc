#include "bench/study/plan/results.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "bench/study/plan/run.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/bench/study/study_fixture.h"

using namespace bitale;
using namespace bitale::bench;
using bitale::tests::contains;
using bitale::tests::Json;
using bitale::tests::TempFolder;

namespace {

const Machine two_cpus{.cpu = "x", .cpus = 2, .cores = 2};

struct Ran {
  std::vector<StudyOutcome> outcomes;
  std::vector<std::string> measured, said;
};

// `lose_at`: the measurement that is killed.
Ran run(const std::vector<StudyCell>& cells, StudyResults& results, int lose_at = -1) {
  Ran ran;
  StudyEstimate estimate([](int) { return 100.0; });
  const auto measure = [&](const StudyCell& cell) -> std::string {
    ran.measured.push_back(cell.key());
    if (static_cast<int>(ran.measured.size()) - 1 == lose_at) throw Error("killed");
    return tests::result_of(cell);
  };
  ran.outcomes = run_cells(cells, two_cpus, results, estimate, measure,
                           [&](const std::string& line) { ran.said.push_back(line); });
  return ran;
}

std::vector<StudyCell> cells() {
  return StudyPlan{.tables = {3, 6, 8}, .threads = {1, 4}, .devices = {"cpu"}, .quick = true}.cells();
}

}  // namespace

TEST_CASE("what was measured is not measured again, what failed is") {
  const TempFolder folder;
  const auto file = folder.path() / "results.jsonl";
  std::size_t first_count = 0;
  {
    StudyResults results(file, "v1", false);
    const Ran first = run(cells(), results, 1);
    first_count = first.measured.size();
    int cannot = 0, failed = 0;
    for (const StudyOutcome& outcome : first.outcomes) {
      CHECK(outcome.figures.has_value() == outcome.cannot.empty());
      cannot += outcome.cannot == "4 threads on 2 CPUs";
      failed += outcome.cannot == "failed: killed";
    }
    CHECK(cannot >= 2);
    CHECK(failed == 1);
    CHECK(std::any_of(first.said.begin(), first.said.end(),
                      [](const std::string& line) { return line.find(" left: ") != std::string::npos; }));
  }
  StudyResults again(file, "v1", false);
  CHECK(again.skipped().empty());
  const Ran second = run(cells(), again);
  CHECK(second.measured.size() == 1);
  StudyResults third(file, "v1", false);
  CHECK(run(cells(), third).measured.empty());

  StudyResults other(file, "v2", false);  // another program
  CHECK(run(cells(), other).measured.size() == first_count);
  StudyResults back(file, "v1", false);  // the first one's results are still there
  CHECK(run(cells(), back).measured.empty());
  StudyResults fresh(file, "v1", true);
  CHECK(run(cells(), fresh).measured.size() == first_count);
}

TEST_CASE("a line that was not finished is skipped, and the next one does not continue it") {
  const TempFolder folder;
  const auto file = folder.write("r", "{\"key\":\"a\",\"version\":\"v\",\"result\":{\"x\":1}}\n{\"key\":\"b\",\"ver");
  {
    StudyResults results(file, "v", false);
    REQUIRE(results.find("a") != nullptr);
    CHECK(*results.find("a") == "{\"x\":1}");
    REQUIRE(results.skipped().size() == 1);
    CHECK_THAT(results.skipped()[0], contains("line 2: no result, and skipped"));
    results.add("b", R"({"x":2})");
  }
  StudyResults results(file, "v", false);
  REQUIRE(results.find("b") != nullptr);
  CHECK(*results.find("b") == "{\"x\":2}");
}

TEST_CASE("a result that lacks figures is measured again") {
  const TempFolder folder;
  const std::vector<StudyCell> some = StudyPlan{.tables = {3}, .threads = {1}, .devices = {"cpu"}}.cells();
  REQUIRE(some.size() == 1);
  StudyResults results(folder.path() / "r", "v", false);
  Json damaged = tests::run_json(1, 2);
  damaged["forward_ms"]["mean"] = -1;
  results.add(some[0].key(), damaged.dump());
  const Ran ran = run(some, results);
  CHECK(ran.measured.size() == 1);
  CHECK_THAT(ran.said[0],
             contains("measured again: LeNet, batch 64, 1 thread: no result of a measurement: mean is -1"));
  damaged.erase("gflop");
  CHECK_THROWS_WITH(figures_from_json(StudyKind::run, "it", damaged.dump()), contains("no result of a measurement"));
}

TEST_CASE("what is played is found to agree, or not, and is no result to be kept") {
  const TempFolder folder;
  StudyResults results(folder.path() / "r", "v", false);
  StudyEstimate estimate([](int) { return 100.0; });
  const StudyPlan plan{.tables = {3}, .threads = {1}, .devices = {"emulated"}};
  const auto outcome_of = [&](const std::string& printed) {
    const auto outcomes = run_cells(
        plan.cells(), two_cpus, results, estimate, [&](const StudyCell&) { return printed; },
        [](const std::string&) {});
    REQUIRE(outcomes.size() == 1);
    CHECK_FALSE(outcomes[0].figures);
    return outcomes[0];
  };
  CHECK(outcome_of(R"({"agrees":true,"found":"loss 1"})").played == "loss 1");
  CHECK(outcome_of(R"({"agrees":false,"found":"loss 2"})").cannot == "failed: differs from the CPU: loss 2");
  CHECK_THAT(outcome_of(R"({"agrees":true})").cannot, contains("failed: no result of a comparison"));
  CHECK(results.find(plan.cells()[0].key()) == nullptr);
}

TEST_CASE("when the time of a study is over no other measurement begins") {
  const TempFolder folder;
  StudyResults results(folder.path() / "r", "v", false);
  StudyEstimate estimate([](int) { return 100.0; });
  int measured = 0;
  const auto outcomes = run_cells(
      cells(), two_cpus, results, estimate,
      [&](const StudyCell& cell) {
        ++measured;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return tests::result_of(cell);
      },
      [](const std::string&) {}, 0.01);
  CHECK(measured == 1);
  CHECK(std::count_if(outcomes.begin(), outcomes.end(), [](const StudyOutcome& outcome) {
          return outcome.cannot == "the 0.01 s of the study were over";
        }) >= 1);
}

TEST_CASE("lines that are no results") {
  StudyResults::Line line;
  CHECK(StudyResults::read_line(R"({"key":"a","version":"v","result":{}})", line));
  for (const char* text : {"", "[]", "7", "{}", R"({"key":1,"version":"v","result":{}})",
                           R"({"key":"a","version":"v","result":[]})", R"({"key":"a","version":"v"})"})
    CHECK(!StudyResults::read_line(text, line));
  CHECK(!StudyResults::read_line(std::string(100000, '['), line));
}

TEST_CASE("a file of results that cannot be written is an error, not a failed measurement") {
  const TempFolder folder;
  StudyResults results(folder.path() / "none" / "r", "v", false);
  CHECK_THROWS_WITH(run(cells(), results), contains("cannot be written: No such file"));
}
