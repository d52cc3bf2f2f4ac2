#include "compiler/driver/key.h"

#include <algorithm>

#include "compiler/ir/body.h"
#include "compiler/ir/canonical.h"
#include "compiler/ir/op.h"
#include "compiler/prim/prim.h"

namespace bitale::driver {
namespace {

using ir::Dim;
using ir::Tensor;

std::vector<Tensor> roots_of(const lower::FunctionGraph& g) {
  std::vector<Tensor> roots = g.inputs;
  roots.insert(roots.end(), g.shareds.begin(), g.shareds.end());
  roots.insert(roots.end(), g.outputs.begin(), g.outputs.end());
  for (const auto& u : g.updates) roots.push_back(u.second);
  return roots;
}

}  // namespace

bool is_process_local(const lower::FunctionGraph& graph) {
  bool found = false;
  ir::for_each_node(roots_of(graph), [&](const ir::NodePtr& n) { found = found || n->op().process_local; });
  return found;
}

Digest cache_key(const lower::FunctionGraph& graph, const std::string& settings) {
  Hasher h;
  h.text(settings).text(graph.name);
  ir::CanonicalFeed feed(h);
  const std::vector<Tensor> roots = roots_of(graph);
  feed.graph(roots);
  h.number(static_cast<std::int64_t>(graph.inputs.size())).number(static_cast<std::int64_t>(graph.shareds.size()));
  for (const auto& u : graph.updates) h.number(u.first);
  // Names show up in messages and reports of the program.
  for (const Tensor& t : roots) h.text(t.name());
  return h.digest();
}

std::vector<SourceLine> canonical_lines(const lower::FunctionGraph& graph) {
  std::vector<SourceLine> out;
  const std::vector<Tensor> roots = roots_of(graph);
  ir::for_each_node(roots, [&](const ir::NodePtr& n) {
    for (const SourceLine& l : n->origins()) out.push_back(l);
  });
  return out;
}

namespace {

void map_lines(program::Program& p, const std::function<SourceLine(const SourceLine&)>& f) {
  for (program::Step& s : p.steps) {
    std::vector<SourceLine> kept;
    for (const SourceLine& l : s.origins)
      if (const SourceLine m = f(l); m.line || m.file) kept.push_back(m);
    s.origins = std::move(kept);
    const auto in_body = [&](std::shared_ptr<const program::Program>& body) {
      auto copy = std::make_shared<program::Program>(*body);
      map_lines(*copy, f);
      body = std::move(copy);
    };
    if (auto* loop = std::get_if<program::LoopStep>(&s.node)) in_body(loop->body);
    if (auto* branch = std::get_if<program::BranchStep>(&s.node)) {
      in_body(branch->then);
      in_body(branch->otherwise);
    }
  }
}

}  // namespace

void encode_lines(program::Program& program, const std::vector<SourceLine>& lines) {
  map_lines(program, [&](const SourceLine& l) -> SourceLine {
    const auto it = std::find(lines.begin(), lines.end(), l);
    return it == lines.end() ? SourceLine() : SourceLine("", static_cast<unsigned>(it - lines.begin()) + 1);
  });
}

void decode_lines(program::Program& program, const std::vector<SourceLine>& lines) {
  map_lines(program, [&](const SourceLine& l) {
    return l.line >= 1 && l.line <= lines.size() ? lines[l.line - 1] : SourceLine();
  });
}

}  // namespace bitale::driver
