#include "compiler/eval/eval.h"

#include <map>
#include <unordered_map>
#include <unordered_set>

#include "compiler/eval/contraction.h"
#include "compiler/eval/formula.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::eval {

using ir::Dim;
using ir::DimSymbol;
using ir::Node;
using ir::NodePtr;
using ir::Tensor;

namespace {

std::string operands_text(const Node& node) {
  std::string s;
  for (const Tensor& t : node.inputs()) s += (s.empty() ? "; operands: " : ", ") + describe(t);
  for (const SourceLine& l : node.origins()) s += "; at " + to_string(l);
  return s;
}

void check_equalities(const Node& node, const SymbolValues& symbols) {
  for (const ir::DimEquality& e : node.equalities()) {
    const std::int64_t a = e.a.evaluate(symbols), b = e.b.evaluate(symbols);
    if (a != b)
      throw Error(node.op().name + ": the extents " + to_string(e.a) + " = " + std::to_string(a) + " and " +
                  to_string(e.b) + " = " + std::to_string(b) + " must be equal" + operands_text(node));
  }
}

Extents extents_of(const ir::Shape& shape, const SymbolValues& symbols, const Node& node) {
  Extents out;
  for (const Dim& d : shape) {
    out.push_back(d.evaluate(symbols));
    if (out.back() < 0)
      throw Error(node.op().name + ": the extent " + to_string(d) + " is " + std::to_string(out.back()) +
                  operands_text(node));
  }
  return out;
}

// The values of dim symbols, found from the shapes of bound tensors.
class Symbols {
 public:
  explicit Symbols(std::span<const Binding> bindings) {
    for (const Binding& b : bindings) {
      if (b.tensor.dtype() != b.value.dtype() || b.tensor.rank() != b.value.rank())
        throw Error(describe(b.tensor) + " is bound to a value of type " + std::string(name_of(b.value.dtype())) +
                    shape_text(b.value.shape()));
      for (int k = 0; k < b.tensor.rank(); ++k) {
        const Dim& d = b.tensor.dim(k);
        if (const DimSymbol* s = d.as_symbol()) values_.emplace(s->id, b.value.shape()[static_cast<std::size_t>(k)]);
      }
    }
    for (const Binding& b : bindings)
      for (int k = 0; k < b.tensor.rank(); ++k) solve(b.tensor.dim(k), b.value.shape()[static_cast<std::size_t>(k)]);
    for (const Binding& b : bindings)
      for (int k = 0; k < b.tensor.rank(); ++k) check(b, k);
  }

  std::int64_t operator()(const DimSymbol& s) const {
    const auto it = values_.find(s.id);
    if (it == values_.end())
      throw Error("the extent " + s.name + (s.line ? ", made at " + to_string(s.line) + "," : "") +
                  " is not known: no bound tensor has it");
    return it->second;
  }

 private:
  // An extent with one unknown symbol s, taken as constant + slope * s; check() finds it wrong if it is not so.
  void solve(const Dim& d, std::int64_t value) {
    const DimSymbol* unknown = nullptr;
    const auto symbols = d.symbols();
    for (const auto& s : symbols) {
      if (values_.contains(s->id)) continue;
      if (unknown) return;
      unknown = s.get();
    }
    if (!unknown) return;
    auto at = [&](std::int64_t x) {
      return d.evaluate([&](const DimSymbol& s) { return s.id == unknown->id ? x : (*this)(s); });
    };
    const std::int64_t constant = at(0), slope = at(1) - constant;
    if (slope != 0 && (value - constant) % slope == 0) values_.emplace(unknown->id, (value - constant) / slope);
  }

  void check(const Binding& b, int k) const {
    const std::int64_t have = b.value.shape()[static_cast<std::size_t>(k)];
    const std::int64_t want = b.tensor.dim(k).evaluate(*this);
    if (want != have)
      throw Error(describe(b.tensor) + ": axis " + std::to_string(k) + " is " + to_string(b.tensor.dim(k)) + " = " +
                  std::to_string(want) + ", and the value has the shape " + shape_text(b.value.shape()));
  }

  std::map<std::uint64_t, std::int64_t> values_;
};

// Nodes to evaluate, operands first; does not look behind bound tensors.
std::vector<NodePtr> needed(std::span<const Tensor> outputs, const ir::TensorMap<Array>& given) {
  std::vector<NodePtr> order;
  std::unordered_set<const Node*> done;
  std::vector<std::pair<NodePtr, std::size_t>> stack;
  auto visit = [&](const Tensor& t) {
    if (!given.contains(t) && !done.contains(t.node_ptr().get())) stack.push_back({t.node_ptr(), 0});
  };
  for (const Tensor& t : outputs) {
    visit(t);
    while (!stack.empty()) {
      const NodePtr node = stack.back().first;
      if (stack.back().second < node->inputs().size()) {
        visit(node->inputs()[stack.back().second++]);
        continue;
      }
      stack.pop_back();
      if (done.insert(node.get()).second) order.push_back(node);
    }
  }
  return order;
}

[[noreturn]] void fail_unbound(const Node& node, const std::string& name) {
  const auto lines = node.origins();
  throw Error(describe(Tensor(NodePtr(&node), 0, lines.empty() ? SourceLine() : lines[0], name)) +
              " has no value: it is not bound");
}

// Values by tensor, dropped after their last use.
class Values {
 public:
  explicit Values(ir::TensorMap<Array> given) : values_(std::move(given)) {}

  void will_be_used(const Tensor& t) { ++uses_[t]; }
  void set(const Tensor& t, Array value) {
    if (uses_.contains(t)) values_[t] = std::move(value);
  }
  Array take(const Tensor& t) {
    const auto it = values_.find(t);
    BITALE_ASSERT(it != values_.end(), "eval: " + describe(t) + " has no value");
    if (--uses_[t] > 0) return it->second;
    Array value = std::move(it->second);
    values_.erase(it);
    return value;
  }

 private:
  ir::TensorMap<Array> values_;
  ir::TensorMap<int> uses_;
};

std::vector<Array> evaluate_widened(const Node& node, std::span<const Array> inputs, const SymbolValues& symbols,
                                    bool prefer_reference) {
  std::vector<Tensor> operands;
  std::vector<Array> values;
  for (const Tensor& t : node.inputs()) {
    const Array& value = inputs[operands.size()];
    operands.push_back(ir::cast(t, computed_as(t.dtype())));
    values.push_back(is_only_stored(t.dtype()) ? value.cast(operands.back().dtype()) : value);
  }
  const std::vector<Tensor> wide = ir::in_computed_dtypes(node, std::move(operands));
  std::vector<Array> results = evaluate_node(wide[0].node(), values, symbols, prefer_reference);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const DType dtype = node.type(static_cast<int>(i)).dtype;
    if (is_only_stored(dtype)) results[i] = results[i].cast(dtype);
  }
  return results;
}

}  // namespace

std::vector<Array> evaluate_node(const Node& node, std::span<const Array> inputs, const SymbolValues& symbols,
                                 bool prefer_reference) {
  const ir::OpDef& op = node.op();
  if (op.leaf == ir::Leaf::constant) return {node.params_as<ir::ConstantParams>().value.array};
  BITALE_ASSERT(op.leaf != ir::Leaf::argument, "eval: an argument outside of a body");
  if (op.leaf == ir::Leaf::input) fail_unbound(node, node.params_as<ir::InputParams>().name);
  if (op.leaf == ir::Leaf::shared) fail_unbound(node, node.params_as<ir::SharedParams>().name);
  if (ir::has_stored_dtypes(node) && !op.has_bodies) return evaluate_widened(node, inputs, symbols, prefer_reference);
  check_equalities(node, symbols);

  std::vector<Array> outputs;
  for (const ir::TensorType& type : node.outputs())
    outputs.emplace_back(type.dtype, extents_of(type.shape, symbols, node));
  const bool has_body = op.element || op.contraction || op.view;
  if (op.reference && (prefer_reference || !has_body)) {
    op.reference({node, inputs, outputs, symbols});
  } else if (op.view && (prefer_reference || !op.element)) {
    outputs[0] = inputs[0].reshaped(outputs[0].shape());
  } else if (op.element) {
    for (std::size_t i = 0; i < outputs.size(); ++i)
      CompiledFormula(node, static_cast<int>(i), symbols).run(inputs, outputs[i]);
  } else if (op.contraction) {
    contract(node, symbols, inputs[0], inputs[1], outputs[0]);
  } else {
    throw InternalError("eval: op " + op.name + " has neither a body nor a reference");
  }
  return outputs;
}

namespace {

std::vector<Array> run(std::span<const Tensor> outputs, ir::TensorMap<Array> given, const SymbolValues& symbols,
                       bool prefer_reference) {
  const std::vector<NodePtr> order = needed(outputs, given);

  Values values(std::move(given));
  for (const NodePtr& node : order)
    for (const Tensor& t : node->inputs()) values.will_be_used(t);
  for (const Tensor& t : outputs) values.will_be_used(t);
  for (const NodePtr& node : order) {
    std::vector<Array> inputs;
    for (const Tensor& t : node->inputs()) inputs.push_back(values.take(t));
    std::vector<Array> results = evaluate_node(*node, inputs, symbols, prefer_reference);
    for (std::size_t i = 0; i < results.size(); ++i)
      values.set(Tensor(node, static_cast<int>(i)), std::move(results[i]));
  }
  std::vector<Array> out;
  for (const Tensor& t : outputs) out.push_back(values.take(t));
  return out;
}

}  // namespace

std::vector<Array> evaluate(std::span<const Tensor> outputs, std::span<const Binding> bindings, bool prefer_reference) {
  const Symbols symbols(bindings);
  ir::TensorMap<Array> given;
  for (const Binding& b : bindings) given.insert_or_assign(b.tensor, b.value);
  return run(outputs, std::move(given), std::cref(symbols), prefer_reference);
}

std::vector<Array> evaluate(const ir::Body& body, std::span<const Array> arguments, const SymbolValues& symbols) {
  ir::TensorMap<Array> given;
  for (const Tensor& a : ir::arguments_of(body.outputs))
    given.emplace(a, arguments[static_cast<std::size_t>(ir::argument_number(a))]);
  return run(body.outputs, std::move(given), symbols, true);
}

}  // namespace bitale::eval
