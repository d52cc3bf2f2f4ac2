#include "bench/data/loading.h"

#include <algorithm>

#include <time.h>

#include "bench/harness/statistics.h"
#include "runtime/base/error.h"
#include "runtime/base/stopwatch.h"

namespace bitale::bench {
namespace {

double process_cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// Every picture as often as it takes for so many full batches.
std::vector<std::int64_t> repeated(std::int64_t pictures, std::int64_t needed) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < needed; ++i) out.push_back(i % pictures);
  return out;
}

models::ImageBatch take(models::ImageBatches& batches) {
  auto batch = batches.next();
  BITALE_ASSERT(batch, "there are batches for all steps");
  return *std::move(batch);
}

// The turns of one number of threads.
class Turns {
 public:
  Turns(const models::ImageSet& set, models::ImageBatchOptions options, int threads, int steps)
      : steps_(steps), ahead_(static_cast<int>(options.prefetch)) {
    options.threads = threads;
    options.partial = false;
    // Before, in and behind the part that is timed.
    const std::int64_t batches = 2 * ahead_ + steps + 1;
    batches_ = std::make_unique<models::ImageBatches>(set, options, repeated(set.count(), batches * options.batch));
  }

  void load_alone() {
    const double cpu = batches_->cpu_seconds();
    batches_->start(epoch_++);
    const Stopwatch watch;
    std::int64_t count = 0;
    while (batches_->next()) ++count;
    const double all = watch.ms();
    load_ms.push_back(all / static_cast<double>(count));
    load_cpu_ms.push_back((batches_->cpu_seconds() - cpu) * 1e3 / static_cast<double>(count));
  }

  void with_steps(const Step& step) {
    batches_->start(epoch_++);
    for (int i = 0; i < ahead_ + 1; ++i) step(take(*batches_));
    const Stopwatch watch;
    for (int i = 0; i < steps_; ++i) step(take(*batches_));
    with_loader_ms.push_back(watch.ms() / steps_);
    batches_->start(epoch_, batches_->count());  // ends its threads
  }

  std::vector<double> load_ms, load_cpu_ms, with_loader_ms;

 private:
  int steps_, ahead_;
  std::int64_t epoch_ = 0;
  std::unique_ptr<models::ImageBatches> batches_;
};

}  // namespace

double Loading::bound_ms(int cpus) const {
  return std::max({step_ms, load_cpu_ms / std::min(threads, cpus), (step_cpu_ms + load_cpu_ms) / cpus});
}

std::vector<Loading> measure_loading(const models::ImageSet& set, const models::ImageBatchOptions& batches,
                                     const Step& step, const LoadingOptions& options) {
  std::vector<Turns> turns;
  for (const int threads : options.loader_threads) turns.emplace_back(set, batches, threads, options.steps);
  models::ImageBatches some(set, batches, repeated(set.count(), batches.batch));
  some.start(0);
  const models::ImageBatch there = take(some);

  std::vector<double> step_ms, step_cpu_ms;
  step(there);
  for (int round = 0; round < options.rounds; ++round) {
    const double cpu = process_cpu_ms();
    const Stopwatch watch;
    for (int i = 0; i < options.steps; ++i) step(there);
    step_ms.push_back(watch.ms() / options.steps);
    step_cpu_ms.push_back((process_cpu_ms() - cpu) / options.steps);
    for (Turns& turn : turns) {
      turn.load_alone();
      turn.with_steps(step);
    }
  }

  std::vector<Loading> out;
  for (std::size_t i = 0; i < turns.size(); ++i)
    out.push_back({options.loader_threads[i], median(turns[i].load_ms), median(turns[i].load_cpu_ms), median(step_ms),
                   median(step_cpu_ms), median(turns[i].with_loader_ms)});
  return out;
}

}  // namespace bitale::bench
