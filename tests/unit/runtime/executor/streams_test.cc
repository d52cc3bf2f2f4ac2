// Plans of streams: what depends on each other is in order, and no wait is there that others imply.
#include "runtime/executor/streams.h"

#include <random>

#include "tests/support/catch.h"

using namespace bitale::executor;

namespace {

// Memory that begins at a number, which no test looks into.
MemoryUse use(std::uintptr_t begin, std::int64_t bytes, bool written) {
  return {reinterpret_cast<const void*>(begin), bytes, written};
}
MemoryUse reads(std::uintptr_t begin, std::int64_t bytes = 64) { return use(begin, bytes, false); }
MemoryUse writes(std::uintptr_t begin, std::int64_t bytes = 64) { return use(begin, bytes, true); }

std::string planned(std::vector<StepUse> steps, int streams = 4) { return to_string(plan_streams(steps, streams)); }

std::size_t at(int i) { return static_cast<std::size_t>(i); }

bool conflict(const StepUse& a, const StepUse& b) {
  if (a.alone || b.alone) return true;
  for (const MemoryUse& x : a.memory)
    for (const MemoryUse& y : b.memory) {
      const auto x_begin = reinterpret_cast<std::uintptr_t>(x.begin),
                 y_begin = reinterpret_cast<std::uintptr_t>(y.begin);
      const bool overlap = x_begin < y_begin + static_cast<std::uintptr_t>(y.bytes) &&
                           y_begin < x_begin + static_cast<std::uintptr_t>(x.bytes);
      if (overlap && (x.written || y.written)) return true;
    }
  return false;
}

// before[i][j]: step i is over when step j begins; the last j stands for the end.
std::vector<std::vector<bool>> order_of(const StreamPlan& plan) {
  const std::size_t n = plan.steps.size();
  std::vector<std::vector<bool>> before(n + 1, std::vector<bool>(n + 1, false));
  const auto follow = [&](std::size_t first, std::size_t second) {
    before[first][second] = true;
    for (std::size_t i = 0; i < first; ++i)
      if (before[i][first]) before[i][second] = true;
  };
  for (std::size_t j = 0; j <= n; ++j) {
    const int stream = j < n ? plan.steps[j].stream : 0;
    for (std::size_t i = 0; i < j; ++i)
      if (plan.steps[i].stream == stream) follow(i, j);
    for (const int w : j < n ? plan.steps[j].waits : plan.waits_at_end) follow(at(w), j);
  }
  return before;
}

bool is_right(const std::vector<StepUse>& steps, const StreamPlan& plan) {
  const auto before = order_of(plan);
  for (std::size_t j = 0; j < steps.size(); ++j) {
    if (!before[j][steps.size()]) return false;
    for (std::size_t i = 0; i < j; ++i)
      if (conflict(steps[i], steps[j]) && !before[i][j]) return false;
  }
  return true;
}

std::vector<StepUse> random_steps(std::mt19937& random) {
  const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<StepUse> steps(at(1 + draw(30)));
  const int room = 20 + draw(400);
  for (StepUse& s : steps) {
    s.alone = draw(15) == 0;
    for (int m = 1 + draw(3); m > 0; --m)
      s.memory.push_back(use(static_cast<std::uintptr_t>(1000 + draw(room)), 1 + draw(30), draw(2) == 0));
  }
  return steps;
}

}  // namespace

TEST_CASE("steps that share nothing go to streams of their own, as many as there are") {
  const std::vector<StepUse> steps = {{{writes(0x100)}}, {{writes(0x200)}}, {{writes(0x300)}}};
  CHECK(planned(steps) ==
        "0: stream 0\n1: stream 1, after the beginning\n2: stream 2, after the beginning\nend, after 2, 1\n");
  CHECK(planned(steps, 2) == "0: stream 0\n1: stream 1, after the beginning\n2: stream 0\nend, after 1\n");
  CHECK(planned(steps, 1) == "0: stream 0\n1: stream 0\n2: stream 0\nend\n");
}

TEST_CASE("a chain stays on one stream, whatever memory its steps share") {
  CHECK(planned({{{writes(0x100)}}, {{reads(0x100), writes(0x200)}}, {{writes(0x100)}}, {{writes(0x100)}}}) ==
        "0: stream 0\n1: stream 0\n2: stream 0\n3: stream 0\nend\n");
}

TEST_CASE("readers run beside each other, and who writes next waits for all of them") {
  CHECK(planned(
            {{{writes(0x100)}}, {{reads(0x100), writes(0x200)}}, {{reads(0x100), writes(0x300)}}, {{writes(0x100)}}}) ==
        "0: stream 0\n1: stream 0\n2: stream 1, after 0\n3: stream 1, after 1\nend, after 3\n");
}

TEST_CASE("memory that only partly overlaps is shared") {
  const auto streams = [](const MemoryUse& first, const MemoryUse& second) {
    return plan_streams(std::vector<StepUse>{{{first}}, {{second}}}, 4).streams;
  };
  CHECK(streams(writes(0x100), reads(0x13F, 1)) == 1);
  CHECK(streams(writes(0x100), reads(0x140, 1)) == 2);
  CHECK(streams(reads(0x100), writes(0xF0, 0x200)) == 1);
  CHECK(streams(reads(0x100), reads(0x100)) == 2);
  CHECK(streams(writes(0x100, 0), writes(0x100, 0)) == 2);
}

TEST_CASE("a step that is alone follows all, and is followed by all") {
  CHECK(planned({{{writes(0x100)}}, {{writes(0x200)}}, {{}, true}, {{writes(0x300)}}, {{writes(0x400)}}}) ==
        "0: stream 0\n1: stream 1, after the beginning\n2: stream 0, after 1\n3: stream 0\n4: stream 1, after 2\nend, "
        "after 4\n");
}

TEST_CASE("of two that follow a step the one with more behind it stays on its stream") {
  const StreamPlan plan = plan_streams(std::vector<StepUse>{{{writes(0x100)}},
                                                            {{reads(0x100), writes(0x200)}},
                                                            {{reads(0x100), writes(0x300)}},
                                                            {{reads(0x300), writes(0x400)}}},
                                       4);
  CHECK(plan.steps[1].stream == 1);
  CHECK(plan.steps[2].stream == 0);
  CHECK(plan.steps[3].stream == 0);
  CHECK(plan.longest == 3);
}

TEST_CASE("plans of random steps are right, and need each of their waits") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const std::vector<StepUse> steps = random_steps(random);
    const int most = 1 + round % 6;
    const StreamPlan plan = plan_streams(steps, most);
    INFO("round " << round << "\n" << to_string(plan));
    REQUIRE(plan.streams <= most);
    REQUIRE(is_right(steps, plan));
    std::vector<bool> begun(at(most));
    for (std::size_t s = 0; s < steps.size(); ++s) {
      const StreamPlan::Step& step = plan.steps[s];
      const bool first = step.stream > 0 && !begun[at(step.stream)];
      REQUIRE(step.waits_for_begin == (first && step.waits.empty()));
      begun[at(step.stream)] = true;
      for (std::size_t w = 0; w < step.waits.size(); ++w) {
        REQUIRE(plan.steps[at(step.waits[w])].awaited);
        StreamPlan without = plan;
        without.steps[s].waits.erase(without.steps[s].waits.begin() + static_cast<std::ptrdiff_t>(w));
        REQUIRE_FALSE(is_right(steps, without));
      }
    }
    for (std::size_t w = 0; w < plan.waits_at_end.size(); ++w) {
      StreamPlan without = plan;
      without.waits_at_end.erase(without.waits_at_end.begin() + static_cast<std::ptrdiff_t>(w));
      REQUIRE_FALSE(is_right(steps, without));
    }
  }
}
