// One graph through everything that can compute it, and what differs.
//
// Three things are compared, so that a difference says whose it is: the interpreter on the graph as written, the
// interpreter on what each level of the pipeline makes of it, and the compiled programs. Tolerances are measured: the
// interpreter runs again with noise of a few units in the last place after every rounding, and what the noise moves may
// differ by a multiple of that. So a kink, a cancellation or a comparison that hangs on the last digit widens the
// tolerance of what depends on it, and of nothing else.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/op_cases.h"

namespace bitale::tests {

struct Finding {
  std::string kind;  // "values at O2", "rewrites of O2": what a smaller graph must still show
  std::string text;
  explicit operator bool() const { return !kind.empty(); }
};

struct DifferentialOptions {
  std::string isa;  // empty: the best
  std::string device = "cpu";
  int threads = 1;
  std::uint64_t seed = 1;  // of the noise
  std::vector<int> levels = {0, 2};
};

// What a graph has to give: its values by the interpreter, and how far noise moves each element (infinitely where it
// changes what an integer, a NaN or an infinity is).
struct Expected {
  std::vector<Array> outputs;
  std::vector<std::vector<double>> moved;
  bool non_finite = false;  // somewhere inside
};
Expected expected(const BuiltCase& graph, std::uint64_t seed);

// Empty if `got` is that to within the tolerances; else what differs where.
std::string differing(const std::vector<Array>& got, const Expected& expected);

// The graph as the pipeline of this level makes it.
BuiltCase rewritten(const BuiltCase& graph, int level);

Finding differential(const BuiltCase& graph, const DifferentialOptions& options);

// A smaller graph that `fails` finds the same kind of fault in: fewer outputs, an inner tensor as the output, inputs
// (with their values) in place of what was computed.
BuiltCase shrink(BuiltCase graph, const std::string& kind, const std::function<Finding(const BuiltCase&)>& fails);

// The graph as text, with the values of its inputs.
std::string to_string(const BuiltCase& graph);

}  // namespace bitale::tests
