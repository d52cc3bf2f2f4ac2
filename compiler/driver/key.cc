#include "compiler/driver/key.h"

#include <algorithm>
#include <map>

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

Digest cache_key(const lower::FunctionGraph& graph, const std::string& settings) {
  Hasher h;
  h.text(settings).text(graph.name);
  ir::CanonicalFeed feed(h);
  const std::vector<Tensor> roots = roots_of(graph);
  std::map<std::uint64_t, std::int64_t> number;
  for (const ir::NodePtr& n : ir::topological(roots)) {
    number.emplace(n->id(), static_cast<std::int64_t>(number.size()));
    h.text(n->op().name).number(static_cast<std::int64_t>(n->inputs().size()));
    for (const Tensor& t : n->inputs()) h.number(number.at(t.node().id())).number(t.output());
    if (n->op().leaf == ir::Leaf::input || n->op().leaf == ir::Leaf::shared) {
      h.number(static_cast<std::int64_t>(n->type().dtype)).number(n->type().rank());
      for (const Dim& d : n->type().shape) feed.dim(d);
    } else if (n->params()) {
      feed.params(*n->params());
    }
  }
  h.number(static_cast<std::int64_t>(graph.inputs.size())).number(static_cast<std::int64_t>(graph.shareds.size()));
  for (const Tensor& t : roots) h.number(number.at(t.node().id())).number(t.output());
  for (const auto& u : graph.updates) h.number(u.first);
  // Names show up in messages and reports of the program.
  for (const Tensor& t : roots) h.text(t.name());
  return h.digest();
}

std::vector<SourceLine> canonical_lines(const lower::FunctionGraph& graph) {
  std::vector<SourceLine> out;
  const std::vector<Tensor> roots = roots_of(graph);
  for (const ir::NodePtr& n : ir::topological(roots))
    for (const SourceLine& l : n->origins()) out.push_back(l);
  return out;
}

namespace {

void map_lines(program::Program& p, const std::function<SourceLine(const SourceLine&)>& f) {
  for (program::Step& s : p.steps) {
    std::vector<SourceLine> kept;
    for (const SourceLine& l : s.origins)
      if (const SourceLine m = f(l); m.line || m.file) kept.push_back(m);
    s.origins = std::move(kept);
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
