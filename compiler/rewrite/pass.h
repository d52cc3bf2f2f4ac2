// A pass: a named function from graph to graph with a contract; a pipeline: an ordered list of passes, as data.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/rewrite/choice.h"
#include "compiler/rewrite/rewrite.h"

namespace bitale::rewrite {

struct PassContext {
  int level = 2;  // optimisation level O0..O3
  RewriteOptions options;
  Counts rules_fired;
  std::map<std::string, std::string> algorithms;  // that the function asks for, by the word of the ops: {"conv", "fft"}
  Refusal refusal;                   // of algorithms that cannot be had where it runs; null: none is refused
  bool blocks = true;                // large tensors between steps are to be made a block at a time, for the caches
  bool tf32 = false;                 // operands of products may be rounded to TF32, for tensor cores
  std::vector<std::string> choices;  // what was chosen for ops that have several, a line each
  std::string name = "graph";        // of what is compiled, in the names of dump files
  bool verify = false;               // verify after every pass; builds with BITALE_VERIFY always do
};

struct Pass {
  std::string name;
  std::function<ir::Graph(const ir::Graph&, PassContext&)> run;
  std::string establishes;  // what holds afterwards
  int min_level = 0;        // runs at this level and above
};
using Pipeline = std::vector<Pass>;

struct PassReport {
  std::string name;
  double seconds = 0;
  int nodes_before = 0, nodes_after = 0;
  bool changed = false;
};

// Runs the rows in order: run, verify (in builds with verification), time, dump (flag BITALE_DUMP): the text and
// GraphViz of the graph before the first pass and after each that changed it (passes run on bodies, innermost first,
// before they run on the graph around), as
// <dump>/<name>_<run>/<number>_<pass>.txt and .dot. A pass keeps the number, dtypes and shapes of the outputs.
ir::Graph run_pipeline(const Pipeline& pipeline, ir::Graph graph, PassContext& context,
                       std::vector<PassReport>& reports);

// One line per pass: "canonicalise: 120 -> 97 nodes, 0.8 ms".
std::string to_string(const std::vector<PassReport>& reports);

}  // namespace bitale::rewrite
