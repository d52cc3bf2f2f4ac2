// How a region is started and joined.
//
// Every worker has a cache line with a ticket; the caller of a region raises the tickets of the workers it wants, runs
// its own share and waits until `pending` is 0. Whoever waits spins, then yields its CPU now and then (foreign load may
// have put both sides on one core), and after `spin_bound` sleeps in the kernel on the word it watches. A sleeper
// announces itself before it checks the word a last time, and a waker writes the word before it looks for sleepers
// (both sequentially consistent), so no wake-up is lost.
#include "runtime/device/pool.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <climits>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/device/quota.h"
#include "runtime/device/spin.h"

namespace bitale {
namespace {

using Word = std::atomic<std::uint32_t>;
static_assert(sizeof(Word) == 4 && Word::is_always_lock_free);

constexpr std::chrono::microseconds spin_bound{2000};
constexpr int largest_region = 1024;

void sleep_while(Word& word, std::uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void wake(Word& word) { syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0); }

// One thread waits on a word that others change.
struct Signal {
  alignas(64) Word word{0};
  std::atomic<bool> sleeping{false};

  void announce() {  // after a change of the word
    if (sleeping.load(std::memory_order_seq_cst)) wake(word);
  }

  // Returns the word's value once done(value) is true.
  template <class Done>
  std::uint32_t wait(const Done& done) {
    Spin spin;
    for (;;) {
      const std::uint32_t value = word.load(std::memory_order_acquire);
      if (done(value)) return value;
      if (spin.once() < spin_bound) continue;
      sleeping.store(true, std::memory_order_seq_cst);
      const std::uint32_t last = word.load(std::memory_order_seq_cst);
      if (!done(last)) sleep_while(word, last);
      sleeping.store(false, std::memory_order_relaxed);
    }
  }
};

thread_local bool inside_region = false;

class Pool {
 public:
  void run(int threads, const std::function<void(int)>& body) {
    const std::lock_guard lock(regions_);
    grow(static_cast<std::size_t>(threads - 1));
    body_ = &body;
    const auto helpers = static_cast<std::uint32_t>(threads - 1);
    pending_.word.store(helpers, std::memory_order_relaxed);
    for (std::size_t i = 0; i < helpers; ++i) {
      workers_[i]->word.fetch_add(1, std::memory_order_seq_cst);
      workers_[i]->announce();
    }
    invoke(body, 0);
    pending_.wait([](std::uint32_t left) { return left == 0; });
  }

 private:
  static void invoke(const std::function<void(int)>& body, int thread) noexcept {
    inside_region = true;
    body(thread);
    inside_region = false;
  }

  void grow(std::size_t helpers) {
    while (workers_.size() < helpers) {
      auto signal = std::make_unique<Signal>();
      try {
        std::thread([this, s = signal.get(), number = static_cast<int>(workers_.size()) + 1] {
          serve(*s, number);
        }).detach();
      } catch (const std::system_error& e) {
        throw Error(fmt::format("cannot start thread {} of {}: {}", workers_.size() + 2, helpers + 1, e.what()));
      }
      workers_.push_back(std::move(signal));
    }
  }

  void serve(Signal& ticket, int number) {
    for (std::uint32_t seen = 0;;) {
      seen = ticket.wait([seen](std::uint32_t t) { return t != seen; });
      invoke(*body_, number);
      if (pending_.word.fetch_sub(1, std::memory_order_seq_cst) == 1) pending_.announce();
    }
  }

  std::mutex regions_;
  const std::function<void(int)>* body_ = nullptr;
  Signal pending_;
  std::vector<std::unique_ptr<Signal>> workers_;  // never shrinks
};

// The pool is never destroyed: its threads may outlive main. A child process has none of the parent's workers, so it
// starts another pool; the parent's stays reachable and untouched.
std::atomic<Pool*> pool_of_process{nullptr}, pool_of_parent{nullptr};

void in_child() {
  if (Pool* p = pool_of_process.exchange(nullptr)) pool_of_parent.store(p);
  inside_region = false;
}

Pool& pool() {
  if (Pool* p = pool_of_process.load(std::memory_order_acquire)) return *p;
  static const int registered = pthread_atfork(nullptr, nullptr, in_child);
  if (registered != 0) throw Error("cannot register what a fork does to the thread pool");
  auto made = std::make_unique<Pool>();
  Pool* present = nullptr;
  if (!pool_of_process.compare_exchange_strong(present, made.get())) return *present;
  return *made.release();
}

int cpus_of_affinity() {
  for (std::size_t cpus = 1024; cpus <= (1u << 20); cpus *= 2) {
    std::vector<std::uint8_t> mask(cpus / 8);
    const long bytes = syscall(SYS_sched_getaffinity, 0, mask.size(), mask.data());
    if (bytes < 0) continue;  // the kernel has more CPUs
    int count = 0;
    for (long i = 0; i < bytes; ++i) count += std::popcount(mask[static_cast<std::size_t>(i)]);
    return count;
  }
  return 1;
}

}  // namespace

int available_cpus() {
  static const int count = [] {
    int cpus = cpus_of_affinity();
    if (const auto quota = cgroup_cpus("/")) cpus = std::min(cpus, static_cast<int>(*quota));
    return std::max(cpus, 1);
  }();
  return count;
}

int default_threads() {
  const std::int64_t asked = flags().threads;
  if (asked < 0 || asked > largest_region)
    throw Error(fmt::format("BITALE_THREADS={}: expected a number from 0 to {}", asked, largest_region));
  return asked > 0 ? static_cast<int>(asked) : available_cpus();
}

void run_region(int threads, const std::function<void(int)>& body) {
  if (threads < 1 || threads > largest_region)
    throw Error(fmt::format("a region of {} threads: expected a number from 1 to {}", threads, largest_region));
  if (threads == 1) return body(0);
  if (inside_region)
    throw Error(fmt::format("a call inside a parallel region asked for {} threads; only 1 is possible there", threads));
  pool().run(threads, body);
}

void Barrier::wait(int threads) {
  if (threads == 1) return;
  const std::uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    return;
  }
  Spin spin;
  while (phase_.load(std::memory_order_acquire) == phase) spin.once();
}

}  // namespace bitale
