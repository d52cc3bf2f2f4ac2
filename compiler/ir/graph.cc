#include "compiler/ir/graph.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <unordered_set>

#include "compiler/ir/body.h"
#include "compiler/ir/op.h"
#include "runtime/base/error.h"

namespace bitale::ir {

std::vector<NodePtr> topological(std::span<const Tensor> outputs) {
  std::vector<NodePtr> order;
  std::unordered_set<const Node*> done, open;
  std::vector<std::pair<const Node*, std::size_t>> stack;
  for (const Tensor& out : outputs) {
    if (!out) throw InternalError("topological: empty output");
    if (done.contains(out.node_ptr().get())) continue;
    stack.push_back({out.node_ptr().get(), 0});
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next == node->inputs().size()) {
        if (done.insert(node).second) order.emplace_back(node);
        stack.pop_back();
        continue;
      }
      const Node* child = node->input(static_cast<int>(next++)).node_ptr().get();
      if (!done.contains(child)) stack.push_back({child, 0});
    }
  }
  return order;
}

std::vector<Tensor> rebuild(std::span<const Tensor> outputs, const Rebuild& replace) {
  const std::vector<NodePtr> order = topological(outputs);
  std::unordered_map<const Node*, std::vector<Tensor>> made;
  auto mapped = [&](const Tensor& t) {
    const Tensor& n = made.at(t.node_ptr().get())[static_cast<std::size_t>(t.output())];
    return Tensor(n.node_ptr(), n.output(), t.line() ? t.line() : n.line(), t.name().empty() ? n.name() : t.name());
  };
  for (const NodePtr& node : order) {
    std::vector<Tensor> inputs;
    inputs.reserve(node->inputs().size());
    for (const Tensor& t : node->inputs()) inputs.push_back(mapped(t));
    std::vector<Tensor> out = replace(node, inputs);
    if (out.empty()) {
      const NodePtr same = with_inputs(node, std::move(inputs), node->params());
      for (std::size_t i = 0; i < node->outputs().size(); ++i) out.emplace_back(same, static_cast<int>(i));
    }
    BITALE_ASSERT(out.size() == node->outputs().size(),
                  "a replacement of " + node->op().name + " has another number of outputs");
    made.emplace(node.get(), std::move(out));
  }
  std::vector<Tensor> result;
  for (const Tensor& t : outputs) result.push_back(mapped(t));
  return result;
}

std::vector<Tensor> substitute(std::span<const Tensor> outputs, const TensorMap<Tensor>& replacements,
                               const std::function<Dim(const Dim&)>& dims) {
  return rebuild(outputs, [&](const NodePtr& node, const std::vector<Tensor>& inputs) -> std::vector<Tensor> {
    std::vector<Tensor> out;
    bool replaced = false;
    for (std::size_t i = 0; i < node->outputs().size(); ++i) {
      const auto it = replacements.find(Tensor(node, static_cast<int>(i)));
      replaced = replaced || it != replacements.end();
      out.push_back(it == replacements.end() ? Tensor() : it->second);
    }
    if (!replaced && !(dims && node->params())) return {};
    const Params params = dims ? map_dims(node->params(), dims) : node->params();
    const NodePtr same = with_inputs(node, inputs, params);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (!out[i]) out[i] = Tensor(same, static_cast<int>(i));
    return out;
  });
}

namespace {

// An identifier made of a symbol's name.
std::string identifier(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') c = '_';
  if (name.empty() || !(std::isalpha(static_cast<unsigned char>(name[0])) || name[0] == '_')) name = "_" + name;
  return name;
}

// Every symbol in the nodes' dims -> one made for the text: with a name of its own, and in order of these names, since
// the order of symbols decides that of terms.
std::map<std::uint64_t, Dim> symbols_for_text(const std::vector<NodePtr>& nodes) {
  std::map<std::uint64_t, std::string> found;  // in order of id
  const auto note = [&](const Dim& d) {
    for (const DimSymbolPtr& s : d.symbols()) found.emplace(s->id, s->name);
  };
  for (const NodePtr& node : nodes) {
    for (const TensorType& t : node->outputs()) std::for_each(t.shape.begin(), t.shape.end(), note);
    if (node->params()) for_each_dim(*node->params(), note);
  }
  std::map<std::string, std::uint64_t> names;
  for (const auto& [id, name] : found) {
    const std::string plain = identifier(name);
    std::string unique = plain;
    for (int i = 2; names.contains(unique); ++i) unique = plain + "." + std::to_string(i);
    names.emplace(unique, id);
  }
  std::map<std::uint64_t, Dim> out;
  for (const auto& [name, id] : names) out.emplace(id, Dim::symbol(name));
  return out;
}

// What printing a graph knows: the nodes' numbers and the symbols' names.
struct Numbering {
  std::vector<NodePtr> order;
  std::unordered_map<const Node*, int> number;
  std::map<std::uint64_t, Dim> symbols;

  explicit Numbering(const Graph& graph) {
    std::vector<Tensor> roots = graph.inputs;
    roots.insert(roots.end(), graph.outputs.begin(), graph.outputs.end());
    order = topological(roots);
    for (std::size_t i = 0; i < order.size(); ++i) number[order[i].get()] = static_cast<int>(i);
    symbols = symbols_for_text(order);
  }

  Dim renamed(const Dim& d) const {
    return d.substitute([&](const DimSymbol& s) { return std::optional<Dim>(symbols.at(s.id)); });
  }

  std::string name(const Tensor& t) const {
    std::string s = "%" + std::to_string(number.at(t.node_ptr().get()));
    if (t.node().outputs().size() > 1) s += "." + std::to_string(t.output());
    return s;
  }
};

std::string list(const std::vector<Tensor>& tensors, const Numbering& names) {
  std::string s;
  for (const Tensor& t : tensors) s += (s.empty() ? "" : ", ") + names.name(t);
  return s;
}

std::string parameters(const Node& node, const Numbering& names, bool whole) {
  if (!node.params()) return {};
  return to_string(*map_dims(node.params(), [&](const Dim& d) { return names.renamed(d); }), whole);
}

std::string types(const Node& node, const Numbering& names) {
  std::string s;
  for (TensorType t : node.outputs()) {
    for (Dim& d : t.shape) d = names.renamed(d);
    s += (s.empty() ? "" : ", ") + to_string(t);
  }
  return s;
}

}  // namespace

std::string to_string(const Graph& graph, bool lines, bool whole) {
  const Numbering names(graph);
  std::string s;
  for (const NodePtr& node : names.order) {
    s += "%" + std::to_string(names.number.at(node.get())) + ": " + types(*node, names) + " = " + node->op().name +
         "(" + list(node->inputs(), names) + ")";
    if (const std::string p = parameters(*node, names, whole); !p.empty()) s += " {" + p + "}";
    if (lines) {
      std::string where;
      for (const SourceLine& l : node->origins()) where += (where.empty() ? "  # " : ", ") + to_string(l);
      s += where;
    }
    s += "\n";
  }
  return s + "return " + list(graph.outputs, names) + "\n";
}

std::string to_dot(const Graph& graph) {
  const Numbering names(graph);
  std::string s = "digraph graph_ {\n  node [shape=box, fontname=\"monospace\"];\n";
  for (const NodePtr& node : names.order) {
    const int n = names.number.at(node.get());
    std::string params = parameters(*node, names, false);
    if (params.size() > 60) params = params.substr(0, 57) + "...";
    for (char& c : params)
      if (c == '"') c = '\'';
    s += "  n" + std::to_string(n) + " [label=\"" + node->op().name + "\\n" + types(*node, names) +
         (params.empty() ? "" : "\\n" + params) + "\"];\n";
    for (const Tensor& t : node->inputs())
      s += "  n" + std::to_string(names.number.at(t.node_ptr().get())) + " -> n" + std::to_string(n) + ";\n";
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i)
    s += "  out" + std::to_string(i) + " [label=\"output " + std::to_string(i) + "\", shape=ellipse];\n  n" +
         std::to_string(names.number.at(graph.outputs[i].node_ptr().get())) + " -> out" + std::to_string(i) + ";\n";
  return s + "}\n";
}

void verify(const Graph& graph) {
  auto fail = [&](const Node& node, const std::string& what) {
    throw InternalError("graph verifier: " + node.op().name + ": " + what + "\n" + to_string(graph));
  };
  std::unordered_set<const Node*> seen;
  for (const NodePtr& node : topological(graph.outputs)) {
    seen.insert(node.get());
    for (const Tensor& t : node->inputs()) {
      if (!seen.contains(t.node_ptr().get())) fail(*node, "is used before it is defined");
      if (t.output() < 0 || t.output() >= static_cast<int>(t.node().outputs().size()))
        fail(*node, "reads an output that there is not");
      if (t.node().scope() > node->scope()) fail(*node, "reads a tensor of a deeper scope");
    }
    const OpDef& op = node->op();
    const int ways = (op.element ? 1 : 0) + (op.contraction ? 1 : 0) + (op.view ? 1 : 0) +
                     (op.library.empty() ? 0 : 1) + (op.leaf != Leaf::none ? 1 : 0) + (op.has_bodies ? 1 : 0);
    if (ways != 1 && !(op.view && op.element && ways == 2))
      fail(*node, "must lower in exactly one way, has " + std::to_string(ways));
    for_each_body(node->params(), [](const Body& body) { verify({{}, body.outputs}); });
    try {
      const TypeArgs args(op, node->params(), node->inputs(), {});
      if (op.type(args) != node->outputs()) fail(*node, "its type is not what its type rule says");
    } catch (const Error& e) {
      fail(*node, std::string("its type rule fails: ") + e.what());
    }
  }
}

}  // namespace bitale::ir
