#include "models/data/work_ahead.h"

#include <atomic>
#include <chrono>
#include <stdexcept>

#include "tests/support/catch.h"
#include "tests/support/message_of.h"

using namespace bitale;
using bitale::models::WorkAhead;

TEST_CASE("every task is done once, whatever the number of threads") {
  for (const int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> times(500);
    WorkAhead work(threads, 500, 3, [&](std::int64_t task) { ++times[static_cast<std::size_t>(task)]; });
    work.release(0);
    for (std::int64_t task = 0; task < 500; ++task) {
      work.wait(task + 1);
      CHECK(times[static_cast<std::size_t>(task)] == 1);
      work.release(task + 1);
    }
    CHECK(work.cpu_seconds() >= 0);
  }
}

TEST_CASE("no task begins further ahead than it may") {
  std::atomic<std::int64_t> released = 0, worst = 0;
  WorkAhead work(4, 200, 5, [&](std::int64_t task) {
    std::int64_t ahead = task - released, before = worst;
    while (ahead > before && !worst.compare_exchange_weak(before, ahead)) {
    }
  });
  work.release(0);
  for (std::int64_t task = 0; task < 200; ++task) {
    work.wait(task + 1);
    released = task + 1;
    work.release(task + 1);
  }
  CHECK(worst < 5);
  CHECK(worst > 0);
}

TEST_CASE("what the first failing task throws comes out, and tasks before it are there") {
  for (int i = 0; i < 50; ++i) {
    WorkAhead work(4, 100, 20, [](std::int64_t task) {
      if (task >= 7) throw std::runtime_error("task " + std::to_string(task));
    });
    work.release(0);
    CHECK_NOTHROW(work.wait(7));
    CHECK_THROWS_WITH(work.wait(8), "task 7");
    CHECK_THROWS_WITH(work.wait(20), "task 7");
    CHECK_NOTHROW(work.wait(7));
  }
}

TEST_CASE("the end does not wait for tasks that have not begun") {
  std::atomic<int> begun = 0;
  {
    WorkAhead work(2, 1'000'000, 1'000'000, [&](std::int64_t) {
      ++begun;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    work.release(0);
    work.wait(1);
  }
  CHECK(begun < 1000);
}

TEST_CASE("the end without a beginning, and without tasks") {
  {
    WorkAhead work(3, 10, 2, [](std::int64_t) {});
  }
  WorkAhead none(3, 0, 2, [](std::int64_t) {});
  none.release(0);
  none.wait(0);
}
