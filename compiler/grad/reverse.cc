#include <algorithm>
#include <string>
#include <unordered_set>

#include "compiler/grad/grad.h"
#include "compiler/grad/rule_result.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::grad {

using namespace ir;

namespace {

using TensorSet = std::unordered_set<Tensor, TensorHash>;

// One reverse sweep. A node takes part if it lies between the roots and wrt.
class Reverse {
 public:
  Reverse(std::span<const Tensor> roots, std::span<const Tensor> wrt, const GradOptions& options, SourceLine line)
      : options_(options), wrt_(wrt), line_(line), constants_(options.consider_constant.begin(), options.consider_constant.end()) {
    order_ = topological(roots);
    mark_reached(roots);
    mark_leading_to_wrt();
  }

  void start(const Tensor& at, const Tensor& cotangent) { accumulate(at, cotangent); }
  void fix(const Tensor& at, const Tensor& cotangent) {
    fixed_.insert(at);
    cotangents_[at] = cotangent;
  }

  std::vector<Tensor> run() {
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      if (passes_.contains(it->get())) sweep(**it);
    std::vector<Tensor> result;
    for (const Tensor& x : wrt_) result.push_back(result_for(x));
    return result;
  }

 private:
  // Every tensor that a path from the roots reaches.
  void mark_reached(std::span<const Tensor> roots) {
    std::unordered_set<const Node*> nodes;
    auto reach = [&](const Tensor& t) {
      reached_.insert(t);
      if (!constants_.contains(t)) nodes.insert(&t.node());
    };
    for (const Tensor& t : roots) reach(t);
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      if (nodes.contains(it->get()))
        for (const Tensor& t : (*it)->inputs()) reach(t);
  }

  // passes_: the nodes that cotangents flow through.
  void mark_leading_to_wrt() {
    std::unordered_set<const Node*> made;  // nodes with an output in wrt
    for (const Tensor& x : wrt_) made.insert(&x.node());
    for (const NodePtr& node : order_)
      for (const Tensor& t : node->inputs())
        if (is_floating(t.dtype()) && wanted(t, made)) {
          passes_.insert(node.get());
          break;
        }
  }
  bool wanted(const Tensor& t, const std::unordered_set<const Node*>& made) const {
    return made.contains(&t.node()) || (passes_.contains(&t.node()) && !constants_.contains(t));
  }

  void accumulate(const Tensor& at, const Tensor& cotangent) {
    if (fixed_.contains(at)) return;
    Tensor& sum = cotangents_[at];
    sum = sum ? add(sum, cotangent) : cotangent;
  }

  void sweep(const Node& node) {
    std::vector<Tensor> dys;
    bool any = false;
    for (std::size_t i = 0; i < node.outputs().size(); ++i) {
      const Tensor out(NodePtr(&node), static_cast<int>(i));
      const auto it = cotangents_.find(out);
      const bool flows = it != cotangents_.end() && !constants_.contains(out);
      dys.push_back(flows ? it->second : Tensor());
      any = any || flows;
    }
    if (!any) return;
    const OriginScope origins(node);
    if (!node.op().vjp)
      throw Error("grad" + at_line(line_) + ": " + describe(node) + " has no derivative: its op declares no vjp rule");
    const std::vector<Tensor> dxs = node.op().vjp(Vjp{node, dys});
    if (dxs.size() != node.inputs().size())
      throw InternalError("vjp rule of " + describe(node) + ": returned " + std::to_string(dxs.size()) + " cotangents for " +
                          std::to_string(node.inputs().size()) + " inputs");
    for (std::size_t i = 0; i < dxs.size(); ++i) {
      if (!dxs[i]) continue;
      const Tensor& x = node.inputs()[i];
      const std::string what = "cotangent " + std::to_string(i);
      if (!is_floating(x.dtype())) throw InternalError(what + " of " + describe(node) + ": given to an input of " + to_string(x.type()));
      accumulate(x, conform(dxs[i], x.type(), what, node));
    }
  }

  Tensor result_for(const Tensor& x) {
    const auto it = cotangents_.find(x);
    if (it != cotangents_.end()) return it->second;
    if (!reached_.contains(x) && options_.disconnected == Disconnected::error)
      throw Error("grad" + at_line(line_) + ": the cost does not depend on " + ir::describe(x) +
                  "; ask for zeros where that is meant (Disconnected::zero)");
    return zeros_like(x);
  }

  const GradOptions& options_;
  std::span<const Tensor> wrt_;
  SourceLine line_;
  TensorSet constants_, reached_, fixed_;
  std::vector<NodePtr> order_;
  std::unordered_set<const Node*> passes_;
  TensorMap<Tensor> cotangents_;
};

void check_wrt(std::span<const Tensor> wrt, SourceLine line) {
  for (const Tensor& x : wrt) {
    if (!x) throw Error("grad" + at_line(line) + ": a tensor to differentiate by is empty");
    if (!is_floating(x.dtype()))
      throw Error("grad" + at_line(line) + ": can only differentiate by floats, not by " + ir::describe(x));
  }
}

Tensor checked_cotangent(const Tensor& of, const Tensor& dy, SourceLine line) {
  if (!compatible(dy.type(), of.type()))
    throw Error("vjp" + at_line(line) + ": the cotangent " + ir::describe(dy) + " does not have the type of " + ir::describe(of));
  return conform(dy, of.type(), "cotangent", of.node());
}

}  // namespace

std::vector<Tensor> vjp(std::span<const Tensor> outputs, std::span<const Tensor> dys, std::span<const Tensor> wrt,
                        const GradOptions& options, SourceLine line) {
  check_wrt(wrt, line);
  if (outputs.size() != dys.size())
    throw Error("vjp" + at_line(line) + ": " + std::to_string(dys.size()) + " cotangents for " + std::to_string(outputs.size()) + " outputs");
  std::vector<Tensor> roots(outputs.begin(), outputs.end());
  for (const auto& [tensor, cotangent] : options.known_grads) roots.push_back(tensor);

  const LineScope origins(line);
  Reverse reverse(roots, wrt, options, line);
  for (const auto& [tensor, cotangent] : options.known_grads) {
    if (!cotangent) throw Error("vjp" + at_line(line) + ": known_grads has no cotangent for " + ir::describe(tensor));
    reverse.fix(tensor, checked_cotangent(tensor, cotangent, line));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (dys[i]) reverse.start(outputs[i], checked_cotangent(outputs[i], dys[i], line));
  return reverse.run();
}

std::vector<Tensor> grad(const Tensor& cost, std::span<const Tensor> wrt, const GradOptions& options, SourceLine line) {
  if (!cost) {
    if (options.known_grads.empty()) throw Error("grad" + at_line(line) + ": neither a cost nor known_grads to start from");
    return vjp({}, {}, wrt, options, line);
  }
  if (!is_floating(cost.dtype()))
    throw Error("grad" + at_line(line) + ": the cost must be a float, not " + ir::describe(cost));
  if (cost.rank() != 0)
    throw Error("grad" + at_line(line) + ": the cost must be a scalar (sum or mean it), not " + ir::describe(cost));
  const Tensor one = full(Literal::real(1, cost.dtype()), {}, line);
  return vjp({&cost, 1}, {&one, 1}, wrt, options, line);
}

}  // namespace bitale::grad
