// Random graphs, and the gradients of random scalars of them, through the whole compiler.
//
// BITALE_FUZZ_SEEDS=N runs N seeds instead of those that fit into CI; BITALE_FUZZ_FIRST=K starts at seed K.
#include <cstdlib>
#include <iostream>

#include "runtime/base/flags.h"
#include "runtime/device/cpu.h"
#include "tests/support/catch.h"
#include "tests/support/differential.h"
#include "tests/support/random.h"
#include "tests/support/random_graph.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

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
  return o;
}

void check(const BuiltCase& graph, std::uint64_t seed, const std::string& what) {
  if (graph.outputs.empty()) return;
  const auto fails = [&](const BuiltCase& g) { return differential(g, options_for(seed)); };
  const Finding finding = fails(graph);
  if (!finding) return;
  const BuiltCase small = shrink(graph, finding.kind, fails);
  FAIL_CHECK("seed " << seed << ", " << what << ": " << finding.kind << ": " << fails(small).text << "\nin\n"
                     << to_string(small));
}

}  // namespace

TEST_CASE("random graphs and their gradients give what the interpreter gives") {
  const std::uint64_t first = from_environment("BITALE_FUZZ_FIRST", 1);
  const std::uint64_t seeds = from_environment("BITALE_FUZZ_SEEDS", flags().guard || sanitized ? 25 : 100);
  const bool loud = std::getenv("BITALE_FUZZ_SEEDS") != nullptr;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    INFO("seed " << seed);
    if (loud) std::cerr << "seed " << seed << "\n";
    RandomGraphOptions options;
    options.steps = static_cast<int>(Random(seed).between(2, 14));
    const BuiltCase graph = random_graph(seed, options);
    check(graph, seed, "graph");
    check(random_gradient(graph, seed), seed, "gradient");
  }
}
