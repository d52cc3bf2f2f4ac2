// One thread's way through a Program. All threads of a region walk it together; see executor.h for the barriers. On a
// device one thread walks and asks its driver for everything (device.h).
#pragma once

#include <chrono>

#include "runtime/executor/frame.h"

namespace bitale::executor {

struct StepUnderCheck;

class Walker {
 public:
  explicit Walker(ThreadState& state) : state_(state), frame_(*state.frame) {}
  virtual ~Walker() = default;

  // False if a step failed and the rest is not run; all threads then agree.
  bool run_all();

 protected:
  // What touches the memory that buffers lie in.
  virtual void kernel(const Scope& scope, const StepLayout& step, const program::KernelStep& s, int thread,
                      int threads);
  virtual void contraction(const Scope& scope, const StepLayout& step, const StepFacts& facts, int thread, int threads);
  virtual void library(const Scope& scope, const StepLayout& step, const program::LibraryStep& s, int thread,
                       int threads);
  virtual const void* look(const void* memory, std::int64_t bytes) const;  // what it holds; until the next look
  virtual void put(void* to, const void* from, std::int64_t bytes) const;  // from the host
  virtual void move(void* to, const void* from, std::int64_t bytes) const;
  virtual void fill(void* to, std::uint8_t byte, std::int64_t bytes) const;

  // False: as run_all().
  virtual bool loop(const Scope& scope, const StepLayout& step, const StepFacts& facts, bool alone);

  // False: as run_all(). alone: this thread walks without the others.
  bool step(const Scope& scope, const StepLayout& step, const StepFacts& facts, bool alone);
  Scope scope_of(const Scope& outer, int body) const;
  bool body_extents(const Scope& outer, const Scope& body, const StepLayout& step, std::int64_t iteration);
  void fail(const StepLayout& step, int code, std::int64_t value, std::int64_t limit, std::string detail = {});

  ThreadState& state_;
  Frame& frame_;

 private:
  template <class T>
  T scalar(const Scope& scope, int buffer) const {
    return *static_cast<const T*>(look(scope.tables.pointer(scope.layout, buffer), sizeof(T)));
  }

  // alone: this thread walks without the others (a serial loop or branch, a tile of a blocked step). meet_after: a
  // barrier also follows the last step.
  bool run(const Scope& scope, bool alone, bool meet_after);
  bool run_rows(const Scope& scope);  // this thread's rows; false if a step failed
  using Clock = std::chrono::steady_clock;
  void count(const Scope& scope, const StepLayout& step, Clock::time_point start);  // what it cost
  bool barrier();                                                                   // false if a step before it failed
  bool failed() const { return state_.failure.code != 0; }

  void blocked(const Scope& scope, const StepLayout& step, const StepFacts& facts, int thread, int threads);
  bool branch(const Scope& scope, const StepLayout& step, bool alone);

  // Recomputes extents that depend on what has changed. False, with a failure, if one has no value.
  bool derive(const Scope& scope, const StepLayout& step, const std::vector<int>& slots);

  // Parts of a loop. Iterations [first, last) of `trips` are run, unless one of them ends it; i is the present one.
  struct Steps {
    std::int64_t trips = 0, first = 0, last = 0;
  };
  bool loop_iterations(const Scope& outer, const Scope& body, const StepLayout& step, Steps& steps, bool alone);
  bool loop_steps(const Scope& scope, const program::LoopStep& s, bool alone, Steps& steps);
  bool loop_begin(const Scope& outer, const Scope& body, const StepLayout& step, bool alone);
  bool loop_packs(const Scope& body, bool alone);
  void loop_inputs(const Scope& outer, const Scope& body, const StepLayout& step, const Steps& steps, std::int64_t i);
  void loop_homes(const Scope& outer, const Scope& body, const StepLayout& step, const Steps& steps, std::int64_t i);
  bool loop_copies(const Scope& outer, const Scope& body, const StepLayout& step, std::int64_t trips, std::int64_t i,
                   bool alone);
  void loop_end(const Scope& outer, const Scope& body, const StepLayout& step, const Steps& steps, bool alone);

  // Copies or clears this thread's share; small ones are thread 0's.
  void copy(void* to, const void* from, std::int64_t bytes, bool alone) const;
  void copy_rows(const Scope& scope, void* to, const void* from, std::int64_t bytes) const;  // of the scope's rows
  void clear(void* to, std::int64_t bytes, bool alone) const;
  void poison(const Scope& scope, const StepLayout& step) const;
  void scan(const Scope& scope, const StepLayout& step);
  static double bytes_of(const Scope& scope, const StepLayout& step);
  // The step checker's work, on one thread; null for a step that is made of others.
  std::shared_ptr<StepUnderCheck> before_step(const Scope& scope, const StepLayout& step) const;
  std::span<const std::uint8_t> held(const Scope& scope, int buffer, std::vector<std::uint8_t>& copy) const;
  void check_step(const Scope& scope, const StepLayout& step, StepUnderCheck& under_check);
};

}  // namespace bitale::executor
