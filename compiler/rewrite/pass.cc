#include "compiler/rewrite/pass.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "compiler/ir/body.h"
#include "compiler/ir/op.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/stopwatch.h"

namespace bitale::rewrite {

namespace {

// Writes the graph under <dump>/<name>_<run>/; does nothing without the flag.
class Dump {
 public:
  explicit Dump(const std::string& name) {
    if (flags().dump.empty()) return;
    static std::atomic<int> runs{0};
    folder_ = std::filesystem::path(flags().dump) / (name + "_" + std::to_string(runs++));
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (error) throw Error("BITALE_DUMP: cannot make " + folder_.string() + ": " + error.message());
  }

  void write(int number, const std::string& pass, const ir::Graph& graph) const {
    if (folder_.empty()) return;
    char prefix[16];
    std::snprintf(prefix, sizeof prefix, "%02d_", number);
    const std::filesystem::path stem = folder_ / (prefix + pass);
    put(stem.string() + ".txt", to_string(graph, true));
    put(stem.string() + ".dot", to_dot(graph));
  }

 private:
  static void put(const std::string& path, const std::string& text) {
    std::ofstream out(path);
    out << text;
    out.close();
    if (!out) throw Error("BITALE_DUMP: cannot write " + path);
  }

  std::filesystem::path folder_;
};

int count_nodes(const ir::Graph& graph) { return static_cast<int>(ir::topological(graph.outputs).size()); }

void check_outputs(const Pass& pass, const ir::Graph& before, const ir::Graph& after) {
  BITALE_ASSERT(before.outputs.size() == after.outputs.size(), "pass " + pass.name + " changes the number of outputs");
  for (std::size_t i = 0; i < before.outputs.size(); ++i)
    BITALE_ASSERT(before.outputs[i].type() == after.outputs[i].type(),
                  "pass " + pass.name + " changes the type of output " + std::to_string(i));
}

// The pass on a graph whose bodies it has been run on before: innermost first, each body once.
class Deep {
 public:
  Deep(const Pass& pass, PassContext& context) : pass_(pass), context_(context) {}

  ir::Graph run(const ir::Graph& graph) {
    const std::vector<ir::NodePtr> order = ir::topological(graph.outputs);
    if (std::none_of(order.begin(), order.end(), [](const ir::NodePtr& n) { return n->op().has_bodies; }))
      return pass_.run(graph, context_);
    const auto in_bodies = [&](const ir::NodePtr& node, const std::vector<ir::Tensor>& inputs) {
      std::vector<ir::Tensor> out;
      if (!node->op().has_bodies) return out;
      const ir::NodePtr made =
          with_inputs(node, inputs, map_bodies(node->params(), [&](const ir::Body& b) { return body(b); }));
      for (std::size_t i = 0; i < made->outputs().size(); ++i) out.emplace_back(made, static_cast<int>(i));
      return out;
    };
    return pass_.run({graph.inputs, rebuild(graph.outputs, in_bodies)}, context_);
  }

 private:
  ir::Body body(const ir::Body& b) {
    const ir::Graph before{{}, b.outputs};
    ir::Graph after = run(before);
    check_outputs(pass_, before, after);
    return {std::move(after.outputs)};
  }

  const Pass& pass_;
  PassContext& context_;
};

}  // namespace

ir::Graph run_pipeline(const Pipeline& pipeline, ir::Graph graph, PassContext& context,
                       std::vector<PassReport>& reports) {
  const Dump dump(context.name);
  dump.write(0, "start", graph);
  int nodes = count_nodes(graph);
  int number = 0;
  for (const Pass& pass : pipeline) {
    ++number;
    if (context.level < pass.min_level) continue;
    PassReport report{.name = pass.name, .nodes_before = nodes};
    const Stopwatch watch;
    ir::Graph next = Deep(pass, context).run(graph);
    report.seconds = watch.seconds();
    check_outputs(pass, graph, next);
    if (BITALE_VERIFY || context.verify) ir::verify(next);
    report.changed = next.outputs != graph.outputs;
    report.nodes_after = nodes = count_nodes(next);
    if (report.changed) dump.write(number, pass.name, next);
    graph = std::move(next);
    reports.push_back(report);
  }
  return graph;
}

std::string to_string(const std::vector<PassReport>& reports) {
  std::string text;
  for (const PassReport& r : reports) {
    char line[96];
    std::snprintf(line, sizeof line, ": %d -> %d nodes, %.2f ms%s\n", r.nodes_before, r.nodes_after, r.seconds * 1e3,
                  r.changed ? "" : " (unchanged)");
    text += r.name + line;
  }
  return text;
}

}  // namespace bitale::rewrite
