// What loading pictures costs a training step.
#pragma once

#include <functional>
#include <vector>

#include "models/data/image_batches.h"

namespace bitale::bench {

// One training step on a batch; returns its loss.
using Step = std::function<double(const models::ImageBatch& batch)>;

struct LoadingOptions {
  std::vector<int> loader_threads;  // to measure with, one after the other
  int steps = 10;                   // of a turn
  int rounds = 3;                   // turns of each kind
};

// Milliseconds for a batch, medians over the turns.
struct Loading {
  int threads = 0;            // that load
  double load_ms = 0;         // with nothing else at work
  double load_cpu_ms = 0;     // of all threads together
  double step_ms = 0;         // on a batch that is there, with nothing loaded meanwhile
  double step_cpu_ms = 0;     // of the process
  double with_loader_ms = 0;  // steps on batches as they come

  // What cannot be undercut on so many CPUs: steps take as long as they do without a loader, the loader's threads as
  // long as they work, and all work together has these CPUs and no others. Where a CPU is free, that is step_ms; where
  // none is, the CPU time of both over the number of CPUs.
  double bound_ms(int cpus) const;
};

// Turns of all kinds alternate, so that what else the machine does meets all of them. A turn of steps with a loader
// starts with as many that are not counted as there are batches ahead, and ends while more is being loaded. The
// pictures are taken again and again, in another order each time.
std::vector<Loading> measure_loading(const models::ImageSet& set, const models::ImageBatchOptions& batches,
                                     const Step& step, const LoadingOptions& options);

}  // namespace bitale::bench
