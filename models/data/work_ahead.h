// Threads that do numbered tasks ahead of somebody who needs their results in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bitale::models {

// Tasks begin in order, as soon as a thread is free, but no further than `ahead` tasks beyond those that were released.
// Which thread does a task, and how many there are, must not matter for what comes out: work(task) knows its number
// only. The object's own functions are one thread's to call.
class WorkAhead {
 public:
  // Nothing begins before the first release. `threads` and `ahead` are at least 1. `work` is called by several threads
  // at once; what it throws comes out of wait().
  WorkAhead(int threads, std::int64_t tasks, std::int64_t ahead, std::function<void(std::int64_t task)> work);
  // Tasks under way are finished, others are not begun.
  ~WorkAhead();
  WorkAhead(const WorkAhead&) = delete;
  WorkAhead& operator=(const WorkAhead&) = delete;

  // The results of the first `tasks` tasks are not needed any more, and their places may be used again.
  void release(std::int64_t tasks);
  // Until the first `tasks` tasks are done, of which none may lie behind what can begin. If one of them threw, throws
  // what the first one of those did, now and ever after.
  void wait(std::int64_t tasks);

  double cpu_seconds() const;  // that the threads have spent in tasks that are done

 private:
  void run();

  const std::int64_t tasks_, ahead_;
  const std::function<void(std::int64_t)> work_;
  mutable std::mutex mutex_;
  std::condition_variable may_begin_, is_done_;
  std::int64_t next_ = 0, may_ = 0;  // tasks begun; tasks that may begin
  std::int64_t done_ = 0;            // tasks done without a gap
  std::int64_t wanted_ = 0;          // tasks that wait() is for
  std::vector<bool> done_beyond_;    // [task % ahead]: done, of those behind the gap
  std::int64_t failed_;              // the first task that threw, or the number of tasks
  std::exception_ptr failure_;       // what it threw
  std::int64_t cpu_ns_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace bitale::models
