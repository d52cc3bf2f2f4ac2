// What one compilation cost and produced.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bitale::driver {

struct Phase {
  std::string name;  // "pass canonicalise", "lower", "generate code", "micro_f32_14x32"...
  double seconds = 0;
  int depth = 0;       // 1: part of the phase above
  std::string detail;  // "52 -> 40 nodes"
};

struct CompileReport {
  std::string function;
  std::string cache;   // "hit", "miss", "off"
  double seconds = 0;  // from the graph to the callable program
  std::vector<Phase> phases;
  int nodes_before = 0, nodes_after = 0;
  int kernels = 0, contractions = 0, library_calls = 0, steps = 0;
  // Kernels and leaves that came from other functions in the cache, and that were generated; none if the function
  // itself was in the cache.
  int kernel_hits = 0, kernel_misses = 0;
  std::map<std::string, std::int64_t> rules_fired;
  std::int64_t code_bytes = 0;
  std::vector<std::string> chosen;  // algorithms of ops that have several, a line each; none if it came from the cache
  std::vector<std::string> loops;   // on a device, what becomes of each and why; none if it came from the cache
  std::vector<std::string> tuned;   // what the tuner chose so far, a line each

  std::string table() const;
  std::string json() const;
  std::string chrome_trace() const;
};

}  // namespace bitale::driver
