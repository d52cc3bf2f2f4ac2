// Random graphs, and what users make of graphs (tests/support/random_program.h), through the whole compiler.
//
//   BITALE_FUZZ_SEEDS=N       a long run: N seeds instead of those that fit into CI, each with all uses instead of two;
//                             says every few seconds how far it is
//   BITALE_FUZZ_FIRST=K       starts at seed K
//   BITALE_FUZZ_DEVICE=emulated  on that device instead of the CPU
//   BITALE_FUZZ_GO_ON=1       goes on after a fault, and lists all seeds with one at the end
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>

#include <fmt/format.h>

#include "runtime/device/cpu.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_program.h"
#include "tests/support/sanitized.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

// Most seeds run on the best instruction set, some on the others.
DifferentialOptions options_for(std::uint64_t seed) {
  Random random(seed ^ 0x6f7074696f6e73);
  const std::vector<Isa> isas = executable_isas();
  DifferentialOptions o;
  o.isa = to_string(random.chance(0.7) ? isas.back() : random.pick(isas));
  o.threads = random.chance(0.8) ? 1 : 2;
  o.seed = random.next();
  if (const char* device = std::getenv("BITALE_FUZZ_DEVICE")) o.device = device;
  return o;
}

BuiltCase graph_of(std::uint64_t seed) {
  RandomGraphOptions options;
  options.steps = static_cast<int>(Random(seed).between(2, 14));
  return random_graph(seed, options);
}

// False, and a report, if something differs.
bool agrees(const BuiltCase& graph, Use use, std::uint64_t seed) {
  const DifferentialOptions options = options_for(seed);
  const RandomProgram program{graph, use, seed};
  const Finding finding = check(program, options);
  if (!finding) return true;
  const RandomProgram small = shrink(program, finding.kind, options);
  // Not by way of Catch, which breaks lines.
  std::cerr << "seed " << seed << ", " << name_of(use) << ": " << finding.kind << ": " << check(small, options).text
            << "\n"
            << to_string(small, options);
  FAIL_CHECK("seed " << seed << ", " << name_of(use) << ": " << finding.kind);
  return false;
}

// Says on standard error how a long run goes.
class Progress {
 public:
  Progress(std::uint64_t first, std::uint64_t seeds) : first_(first), seeds_(seeds) {}

  void fault(std::uint64_t seed, Use use) { faults_.push_back(fmt::format("{} ({})", seed, name_of(use))); }
  void done(std::uint64_t seed, int graphs) {
    graphs_ += graphs;
    const double now = seconds();
    if (now - said_ < 20 && seed + 1 < first_ + seeds_) return;
    said_ = now;
    const auto count = static_cast<double>(seed - first_ + 1);
    std::cerr << fmt::format("seed {} of {}..{}: {} graphs, {:.1f} in a second, {} faults, {:.0f} min left\n", seed,
                             first_, first_ + seeds_ - 1, graphs_, graphs_ / now, faults_.size(),
                             now / count * (static_cast<double>(seeds_) - count) / 60);
    if (seed + 1 < first_ + seeds_ || faults_.empty()) return;
    std::cerr << "faults:";
    for (const std::string& f : faults_) std::cerr << " " << f;
    std::cerr << "\n";
  }

 private:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::uint64_t first_, seeds_;
  std::int64_t graphs_ = 0;
  double said_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace

TEST_CASE("random graphs give what the interpreter gives, whatever they are used for") {
  const std::uint64_t first = from_environment("BITALE_FUZZ_FIRST", 1);
  const bool on_device = std::getenv("BITALE_FUZZ_DEVICE") != nullptr;
  const std::uint64_t seeds = from_environment("BITALE_FUZZ_SEEDS", sanitized || on_device ? 25 : 100);
  const bool long_run = std::getenv("BITALE_FUZZ_SEEDS") != nullptr;
  const bool go_on = std::getenv("BITALE_FUZZ_GO_ON") != nullptr;
  Progress progress(first, seeds);
  bool good = true;
  for (std::uint64_t seed = first; seed < first + seeds && (good || go_on); ++seed) {
    INFO("seed " << seed);
    const BuiltCase graph = graph_of(seed);
    // In CI the graph itself and one other use.
    const Use other = all_uses[1 + seed % 4];
    int graphs = 0;
    for (const Use use : all_uses) {
      if (!long_run && use != Use::values && use != other) continue;
      ++graphs;
      if (agrees(graph, use, seed)) continue;
      good = false;
      progress.fault(seed, use);
    }
    if (long_run) progress.done(seed, graphs);
  }
}
