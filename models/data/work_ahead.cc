#include "models/data/work_ahead.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <time.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

std::int64_t thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

WorkAhead::WorkAhead(int threads, std::int64_t tasks, std::int64_t ahead, std::function<void(std::int64_t)> work)
    : tasks_(tasks),
      ahead_(ahead),
      work_(std::move(work)),
      done_beyond_(static_cast<std::size_t>(ahead), false),
      failed_(tasks) {
  BITALE_ASSERT(threads >= 1 && ahead >= 1 && tasks >= 0, fmt::format("{} threads, {} ahead", threads, ahead));
  threads_.reserve(static_cast<std::size_t>(threads));
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  } catch (const std::exception& e) {
    const auto running = threads_.size();
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    may_begin_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    throw Error(fmt::format("of {} threads to load data, {} could be started: {}.", threads, running, e.what()));
  }
}

WorkAhead::~WorkAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  may_begin_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkAhead::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    may_begin_.wait(lock, [&] { return stop_ || next_ < may_ || next_ >= tasks_; });
    if (stop_ || next_ >= tasks_) return;
    const std::int64_t task = next_++;
    lock.unlock();
    std::exception_ptr thrown;
    const std::int64_t begin = thread_cpu_ns();
    try {
      work_(task);
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::int64_t spent = thread_cpu_ns() - begin;
    lock.lock();
    cpu_ns_ += spent;
    if (thrown && task < failed_) {
      failed_ = task;
      failure_ = std::exchange(thrown, nullptr);
      stop_ = true;  // all tasks before it have begun, so it is decided which one fails first
      may_begin_.notify_all();
    }
    done_beyond_[static_cast<std::size_t>(task % ahead_)] = true;
    for (std::size_t at = static_cast<std::size_t>(done_ % ahead_); done_ < next_ && done_beyond_[at];
         at = static_cast<std::size_t>(done_ % ahead_)) {
      done_beyond_[at] = false;
      ++done_;
    }
    if (done_ >= wanted_ || done_ > failed_) is_done_.notify_all();
  }
}

void WorkAhead::release(std::int64_t tasks) {
  {
    const std::lock_guard lock(mutex_);
    may_ = std::max(may_, std::min(tasks_, tasks + ahead_));
  }
  may_begin_.notify_all();
}

void WorkAhead::wait(std::int64_t tasks) {
  std::unique_lock lock(mutex_);
  BITALE_ASSERT(tasks <= may_, fmt::format("task {} is waited for, {} may begin", tasks, may_));
  wanted_ = tasks;
  is_done_.wait(lock, [&] { return done_ >= tasks || done_ > failed_; });
  if (failed_ < tasks) std::rethrow_exception(failure_);
}

double WorkAhead::cpu_seconds() const {
  const std::lock_guard lock(mutex_);
  return static_cast<double>(cpu_ns_) * 1e-9;
}

}  // namespace bitale::models
