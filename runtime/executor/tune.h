// Choosing between the candidates of a contraction by measuring them (ContractionCandidate::tuned).
//
// When a Program is placed for extents that it has not met, its tuned contractions run each candidate a few times on
// memory of their own (zeros), on as many threads as the call will have; the faster one then runs in all calls of these
// extents. What was measured is recorded by a key that says all that the choice depends on, so it is measured once.
// Contractions in the bodies of loops and branches and in blocked steps are not measured: the generated code runs them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/executor/frame.h"
#include "runtime/executor/tuning.h"

namespace bitale::executor {

// Decides every tuned contraction of `prepared`, which no call uses yet. `target` is that of the code. Appends to
// `choices`.
void tune(const Layout& layout, const Functions& functions, const std::string& target,
          const std::shared_ptr<Prepared>& prepared, TuningRecords& records, std::vector<TuningChoice>& choices);

}  // namespace bitale::executor
