#include "runtime/device/pool.h"

#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/device/quota.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::TempFolder;

TEST_CASE("a region runs every thread once, and what it wrote is seen after it") {
  for (const int threads : {1, 2, 3, 5}) {
    std::vector<int> ran(static_cast<std::size_t>(threads), 0);
    for (int i = 0; i < 200; ++i) run_region(threads, [&](int t) { ++ran[static_cast<std::size_t>(t)]; });
    for (const int r : ran) REQUIRE(r == 200);
  }
}

TEST_CASE("workers that went to sleep are woken") {
  std::vector<int> ran(3, 0);
  for (int i = 0; i < 5; ++i) {
    run_region(3, [&](int t) { ++ran[static_cast<std::size_t>(t)]; });
    std::this_thread::sleep_for(std::chrono::milliseconds(i % 2 ? 1 : 6));
  }
  REQUIRE(ran == std::vector<int>{5, 5, 5});
}

TEST_CASE("a caller whose workers take long sleeps and wakes") {
  int done = 0;
  run_region(2, [&](int t) {
    if (t != 1) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    done = 1;
  });
  REQUIRE(done == 1);
}

TEST_CASE("concurrent callers queue for the pool") {
  std::vector<std::thread> callers;
  std::atomic<int> sum{0};
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int i = 0; i < 100; ++i) run_region(1 + i % 3, [&](int) { sum.fetch_add(1); });
    });
  for (std::thread& c : callers) c.join();
  REQUIRE(sum == 4 * (34 * 1 + 33 * 2 + 33 * 3));
}

TEST_CASE("a region inside a region is refused unless it has one thread") {
  std::string message;
  int inner = 0;
  run_region(2, [&](int t) {
    if (t != 0) return;
    run_region(1, [&](int) { ++inner; });
    try {
      run_region(2, [](int) {});
    } catch (const Error& e) {
      message = e.what();
    }
  });
  REQUIRE(inner == 1);
  REQUIRE_THAT(message, contains("only 1 is possible"));
  REQUIRE_THROWS_WITH(run_region(0, [](int) {}), contains("0 threads"));
}

TEST_CASE("threads meet at a barrier, again and again") {
  for (const int threads : {2, 3}) {
    Barrier barrier;
    std::vector<int> value(static_cast<std::size_t>(threads), 0);
    std::atomic<int> wrong{0};
    run_region(threads, [&](int t) {
      for (int i = 1; i <= 3000; ++i) {
        value[static_cast<std::size_t>(t)] = i;
        barrier.wait(threads);
        if (value[static_cast<std::size_t>((t + 1) % threads)] != i) wrong.fetch_add(1);
        barrier.wait(threads);
      }
    });
    REQUIRE(wrong == 0);
  }
}

#if !defined(__SANITIZE_THREAD__)
TEST_CASE("a child process has a pool of its own") {
  run_region(2, [](int) {});
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<int> sum{0};
    run_region(3, [&](int t) { sum.fetch_add(t + 1); });
    _exit(sum == 6 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  std::atomic<int> sum{0};
  run_region(2, [&](int t) { sum.fetch_add(t + 1); });
  REQUIRE(sum == 3);
}
#endif

TEST_CASE("the default number of threads") {
  REQUIRE(available_cpus() >= 1);
  const std::int64_t saved = flags().threads;
  flags().threads = 3;
  REQUIRE(default_threads() == 3);
  flags().threads = -1;
  REQUIRE_THROWS_WITH(default_threads(), contains("BITALE_THREADS=-1"));
  flags().threads = 0;
  REQUIRE(default_threads() == available_cpus());
  flags().threads = saved;
}

TEST_CASE("the quota of a control group") {
  const TempFolder root;
  REQUIRE_FALSE(cgroup_cpus(root.path().string()));
  root.write("proc/self/cgroup", "0::/a/b\n");
  REQUIRE_FALSE(cgroup_cpus(root.path().string()));
  root.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  REQUIRE_FALSE(cgroup_cpus(root.path().string()));
  root.write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  REQUIRE(cgroup_cpus(root.path().string()) == 1.5);
  root.write("sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  REQUIRE(cgroup_cpus(root.path().string()) == 0.5);
}

TEST_CASE("the quota of a control group of the first version") {
  const TempFolder root;
  root.write("proc/self/cgroup", "4:cpu,cpuacct:/docker/x\n3:memory:/y\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  REQUIRE(cgroup_cpus(root.path().string()) == 3.0);
}
