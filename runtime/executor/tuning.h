// What the tuner chose, and where that is kept.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/program/contraction.h"

namespace bitale::executor {

// Seconds of one run of each candidate.
struct TuningRecord {
  double generated = 0, openblas = 0;

  // Another order of summation is worth a few percent only.
  program::ContractionCandidate faster() const {
    return openblas < 0.97 * generated ? program::ContractionCandidate::openblas
                                       : program::ContractionCandidate::generated;
  }
};

// Records of this process. One that keeps them longer overrides both functions. May be used by several threads.
class TuningRecords {
 public:
  virtual ~TuningRecords() = default;
  virtual std::optional<TuningRecord> find(const std::string& key);
  virtual void add(const std::string& key, const TuningRecord& record);

 private:
  std::mutex mutex_;
  std::map<std::string, TuningRecord> records_;
};

struct TuningChoice {
  std::string label;  // of the step
  std::string key;    // shape, layout, tile, threads
  TuningRecord record;
  bool measured = false;  // now; else remembered
};
std::string to_string(const TuningChoice& choice);

}  // namespace bitale::executor
