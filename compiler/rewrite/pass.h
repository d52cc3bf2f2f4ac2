// A pass: a named function from graph to graph with a contract; a pipeline: an ordered list of passes, as data.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/rewrite/rewrite.h"

namespace bitale::rewrite {

struct PassContext {
  int level = 2;              // optimisation level O0..O3
  RewriteOptions options;
  Counts rules_fired;
};

struct Pass {
  std::string name;
  std::function<ir::Graph(const ir::Graph&, PassContext&)> run;
  std::string establishes;    // what holds afterwards
  int min_level = 0;          // runs at this level and above
};
using Pipeline = std::vector<Pass>;

struct PassReport {
  std::string name;
  double seconds = 0;
  int nodes_before = 0, nodes_after = 0;
  bool changed = false;
};

// Runs the rows in order: run, verify (in builds with verification), time, dump (flag BITALE_DUMP).
ir::Graph run_pipeline(const Pipeline& pipeline, ir::Graph graph, PassContext& context, std::vector<PassReport>& reports);

}  // namespace bitale::rewrite
