#pragma once

namespace bitale::bench {

// How long a measurement goes on: so many calls (of sequences: epochs) to warm up and timed, or until its time is up,
// of which warming up gets a fifth. At least one call warms up and three are timed.
struct Pace {
  int warmup = 0, iterations = 0;
  double budget_s = 0;  // 0: whatever it takes
};

}  // namespace bitale::bench
