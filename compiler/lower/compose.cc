#include "compiler/lower/compose.h"

#include <algorithm>
#include <map>

#include "compiler/lower/formula.h"
#include "runtime/base/error.h"

namespace bitale::lower {
namespace {

using ir::Expr;
using ir::Index;
using ir::IndexBound;
using ir::Tensor;

// One composition: guards that are in force are attached to every load made under them, so that an inlined producer
// never reads where its consumer would not have.
struct Composition {
  Composed& out;
  const std::function<bool(const Tensor&)>& inlined;
  std::vector<IndexBound> guards;

  struct Key {
    const ir::Node* node;
    int output;
    std::vector<Index> at;
    std::vector<IndexBound> guards;
    bool operator==(const Key&) const = default;
  };
  std::vector<std::pair<Key, Expr>> memo;

  Expr read(const Tensor& t, std::vector<Index> at);
  Expr body(const Tensor& t, std::vector<Index> at);
};

class InlineElement final : public ir::Element {
 public:
  InlineElement(const ir::Node& node, int output, Composition& c, std::vector<Index> at)
      : Element(node, output, c.out.formula, std::move(at)), c_(c) {}

  Expr input_if(std::vector<IndexBound> bounds, int k, std::vector<Index> at, Expr fill) override {
    if (bounds.empty()) return c_.read(node().input(k), std::move(at));
    const std::size_t outer = c_.guards.size();
    c_.guards.insert(c_.guards.end(), bounds.begin(), bounds.end());
    const Expr value = c_.read(node().input(k), std::move(at));
    c_.guards.resize(outer);
    return guarded(value, bounds, fill);
  }

 private:
  // A direct load under no other guard takes the fill value itself; anything else is selected.
  Expr guarded(Expr value, const std::vector<IndexBound>& bounds, Expr fill) {
    ir::Formula& f = formula();
    const ir::ExprNode n = f.node(value.id);
    if (n.op == ir::ScalarOp::load && c_.guards.empty() && n.guard == bounds)
      return f.load(n.source, n.type, n.at, n.guard, fill);
    Expr inside;
    for (const IndexBound& b : bounds) {
      const Expr at = f.value_of(b.index);
      const Expr low = ir::call(ir::ScalarOp::le, {f.integer(0), at});
      const Expr high = ir::call(ir::ScalarOp::lt, {at, f.extent(b.upper)});
      const Expr both = ir::call(ir::ScalarOp::bit_and, {low, high});
      inside = inside ? ir::call(ir::ScalarOp::bit_and, {inside, both}) : both;
    }
    return ir::select(inside, value, fill);
  }

  Composition& c_;
};

Expr Composition::read(const Tensor& t, std::vector<Index> at) {
  if (inlined(t)) return body(t, std::move(at));
  ir::Formula& f = out.formula;
  return f.load(out.source_of(t), t.dtype(), std::move(at), guards, guards.empty() ? Expr() : f.constant(0, t.dtype()));
}

Expr Composition::body(const Tensor& t, std::vector<Index> at) {
  Key key{t.node_ptr().get(), t.output(), std::move(at), guards};
  for (const auto& [k, e] : memo)
    if (k == key) return e;
  if (std::find(out.nodes.begin(), out.nodes.end(), t.node_ptr()) == out.nodes.end()) out.nodes.push_back(t.node_ptr());
  InlineElement element(t.node(), t.output(), *this, key.at);
  const Expr e = element_of(element);
  BITALE_ASSERT(e.type() == t.dtype(),
                "the element body of " + t.node().op().name + " gives another dtype than its type rule");
  memo.emplace_back(std::move(key), e);
  return e;
}

}  // namespace

int Composed::source_of(const Tensor& t) {
  const auto it = std::find(sources.begin(), sources.end(), t);
  if (it != sources.end()) return static_cast<int>(it - sources.begin());
  sources.push_back(t);
  return static_cast<int>(sources.size()) - 1;
}

Expr compose_at(const Tensor& tensor, std::vector<Index> at, const std::function<bool(const Tensor&)>& inlined,
                Composed& out) {
  Composition c{out, inlined, {}, {}};
  return c.body(tensor, std::move(at));
}

void compose(std::span<const Tensor> roots, const std::function<bool(const Tensor&)>& inlined, Composed& out) {
  std::vector<Index> at;
  for (const ir::Dim& d : roots[0].shape()) {
    out.loops.push_back(out.formula.variable(d));
    at.emplace_back(out.loops.back());
  }
  const std::function<bool(const Tensor&)> also_roots = [&](const Tensor& t) {
    return inlined(t) || std::find(roots.begin(), roots.end(), t) != roots.end();
  };
  Composition c{out, also_roots, {}, {}};
  for (const Tensor& r : roots) out.values.push_back(c.body(r, at));
}

}  // namespace bitale::lower
