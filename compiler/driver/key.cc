#include "compiler/driver/key.h"

#include <algorithm>
#include <bit>
#include <map>

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

// Feeds parameters to the hash, exactly, with symbols numbered by first appearance.
class KeyVisitor final : public ir::FieldVisitor {
 public:
  explicit KeyVisitor(Hasher& h) : h_(h) {}
  void operator()(const char*, bool& v) override { h_.number(v); }
  void operator()(const char*, std::int64_t& v) override { h_.number(v); }
  void operator()(const char*, double& v) override { h_.number(std::bit_cast<std::int64_t>(v)); }
  void operator()(const char*, std::string& v) override { h_.text(v); }
  void operator()(const char*, DType& v) override { h_.number(static_cast<std::int64_t>(v)); }
  void operator()(const char*, ir::Literal& v) override {
    h_.number(static_cast<std::int64_t>(v.dtype)).number(v.bits);
  }
  void operator()(const char*, Dim& v) override { dim(v); }
  void operator()(const char*, ir::Shape& v) override {
    h_.number(static_cast<std::int64_t>(v.size()));
    for (const Dim& d : v) dim(d);
  }
  void operator()(const char*, std::vector<std::int64_t>& v) override {
    h_.number(static_cast<std::int64_t>(v.size()));
    for (std::int64_t i : v) h_.number(i);
  }
  void operator()(const char*, ir::ArrayValue& v) override {
    h_.number(static_cast<std::int64_t>(v.array.dtype()));
    for (std::int64_t e : v.array.shape()) h_.number(e);
    h_.bytes(v.array.data(), v.array.bytes());
  }
  void operator()(const char*, ir::DimSymbolPtr& v) override { h_.number(symbol(*v)); }

  void dim(const Dim& d) {
    int next = 0;
    Dim::Visitor v;
    v.constant = [&](std::int64_t c) {
      h_.text("c").number(c);
      return next++;
    };
    v.symbol = [&](const ir::DimSymbol& s) {
      h_.text("s").number(symbol(s));
      return next++;
    };
    v.binary = [&](char op, int a, int b) {
      h_.text(std::string_view(&op, 1)).number(a).number(b);
      return next++;
    };
    d.fold(v);
  }

 private:
  std::int64_t symbol(const ir::DimSymbol& s) {
    return symbols_.emplace(s.id, static_cast<std::int64_t>(symbols_.size())).first->second;
  }
  Hasher& h_;
  std::map<std::uint64_t, std::int64_t> symbols_;
};

}  // namespace

Digest cache_key(const lower::FunctionGraph& graph, const std::string& settings) {
  Hasher h;
  h.text(settings).text(graph.name);
  KeyVisitor params(h);
  const std::vector<Tensor> roots = roots_of(graph);
  std::map<std::uint64_t, std::int64_t> number;
  for (const ir::NodePtr& n : ir::topological(roots)) {
    number.emplace(n->id(), static_cast<std::int64_t>(number.size()));
    h.text(n->op().name).number(static_cast<std::int64_t>(n->inputs().size()));
    for (const Tensor& t : n->inputs()) h.number(number.at(t.node().id())).number(t.output());
    if (n->op().leaf == ir::Leaf::input || n->op().leaf == ir::Leaf::shared) {
      h.number(static_cast<std::int64_t>(n->type().dtype)).number(n->type().rank());
      for (const Dim& d : n->type().shape) params.dim(d);
    } else if (n->params()) {
      n->params()->clone()->visit(params);
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
